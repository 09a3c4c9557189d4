//! What a machine saves on real sockets.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use lossproof::drive::{DriveError, Endpoint, Setup, Store};
use lossproof::{Input, Outbox, Status};

use crate::support::{Driven, Puppet, V4, plain_udp, receive_text, state_file};

/// Counts datagrams from what it finds, and answers with the count once that is saved.
fn counter(found: &[u8]) -> Puppet<(), (), impl FnMut(Input<'_, ()>, &mut Outbox<()>) + use<>> {
    let mut count = found.len();
    Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<()>| match input {
        Input::Datagram { .. } => {
            count += 1;
            out.reply(b"before");
            out.save(&vec![b'x'; count]);
            out.reply_fmt(format_args!("{count}"));
        }
        Input::Stop => out.done(Status::Success),
        _ => {}
    })
}

#[test]
fn what_is_saved_is_there_after_a_restart() {
    let path = state_file();
    for run in 0..3 {
        let store = Store::open(&path).unwrap();
        assert_eq!(store.bytes().len(), 2 * run);
        let found = store.bytes().to_vec();
        let setup = Setup { store: Some(store), ..Setup::new(Endpoint::datagram(V4.into())) };
        let driven = Driven::start_with(setup, move || counter(&found));
        let client = plain_udp(V4);
        for n in 1..=2 {
            client.send_to(b"count", driven.locals[0].inet().unwrap()).unwrap();
            assert_eq!(receive_text(&client).0, "before");
            assert_eq!(receive_text(&client).0, (2 * run + n).to_string());
            assert_eq!(fs::read(&path).unwrap().len(), 2 * run + n, "it is kept before the answer leaves");
        }
        driven.stop();
    }
}

/// Whoever has the file open sees a whole state for ever: a save puts another file in its place.
#[test]
fn a_state_is_replaced_not_overwritten() {
    let path = state_file();
    fs::write(&path, b"the old one").unwrap();
    let old = fs::File::open(&path).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let setup = Setup { store: Some(Store::open(&path).unwrap()), ..Setup::dialer() };
    let driven = Driven::<()>::start_with(setup, || {
        Puppet::new(|_: Input<'_, ()>, out: &mut Outbox<()>| {
            out.save(b"new");
            out.done(Status::Success);
        })
    });
    assert_eq!(driven.join().0.unwrap(), Status::Success);
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(std::io::read_to_string(old).unwrap(), "the old one");
    let left: Vec<_> =
        fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(left, [path], "nothing is left beside it");
}

/// What comes before the save leaves, what comes after it does not.
#[test]
fn a_save_without_a_store_ends_the_run_and_says_what_to_do() {
    let client = plain_udp(V4);
    let driven = Driven::start_with(Setup::new(Endpoint::datagram(V4.into())), move || {
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<&str>| {
            if let Input::Datagram { .. } = input {
                out.event("told all the same");
                out.reply(b"before");
                out.save(b"state");
                out.reply(b"after");
            }
        })
    });
    client.send_to(b"count", driven.locals[0].inet().unwrap()).unwrap();
    let (ended, told) = driven.join();
    let error = ended.unwrap_err();
    assert!(matches!(error, DriveError::NoStore));
    assert_eq!(error.to_string(), "the machine saves its state and has nowhere to: give its setup a store");
    assert_eq!(told, ["told all the same"]);
    client.set_nonblocking(true).unwrap();
    assert_eq!(receive_text(&client).0, "before");
    assert!(client.recv(&mut [0; 8]).is_err());
}

#[test]
fn a_store_that_cannot_be_is_one_plain_line() {
    let path = state_file();
    let within = path.join("deeper");
    let error = Store::open(&within).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read {}: no such directory; make it first", within.display())
    );
    let directory = path.parent().unwrap();
    let error = Store::open(directory).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read {}: that is a directory; name a file in it", directory.display())
    );
    // One that breaks later ends the run.
    let store = Store::open(&path).unwrap();
    fs::remove_dir_all(directory).unwrap();
    let driven = Driven::<()>::start_with(Setup { store: Some(store), ..Setup::dialer() }, || {
        Puppet::new(|_: Input<'_, ()>, out: &mut Outbox<()>| out.save(b"state"))
    });
    let error = driven.join().0.unwrap_err();
    assert!(matches!(error, DriveError::Store { action: "write", .. }), "{error}");
}
