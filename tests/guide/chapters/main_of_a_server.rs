use lossproof::drive::{self, DriveError, Endpoint, Setup};
use lossproof::{Input, Instant, Machine, Outbox, Status};

/// Answers in capitals until it is asked to stop.
struct Shout;

impl Machine for Shout {
    type Command = ();
    type Event = usize;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<usize>) {
        match input {
            Input::Datagram { bytes, .. } => {
                out.reply(&bytes.to_ascii_uppercase());
                out.event(bytes.len());
            }
            // Ctrl-C or SIGTERM.
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

fn main() -> Result<(), DriveError> {
    let socket = Endpoint::datagram("0.0.0.0:1060".parse().expect("an address"));
    let opened = |addresses: &[lossproof::Peer]| println!("listening on {}", addresses[0]);
    drive::run(Shout, Setup::new(socket), opened, |len| println!("answered {len} bytes"))?;
    Ok(())
}
