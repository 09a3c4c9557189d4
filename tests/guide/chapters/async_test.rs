#[cfg(test)]
use lossproof::{Chance, Check, Ctx, Net, Profile};

#[test]
#[ignore = "it fails, which is what the guide shows"]
fn a_file_arrives() {
    let net = Net::new("file transfer");
    let receiver = net.host("receiver").udp(6900).tokio(|ctx: Ctx<String>| {
        receive("0.0.0.0:6900", move |file| ctx.event(file))
    });
    let sender = net.host("sender").tokio(move |ctx: Ctx<String>| async move {
        send(ctx.address(receiver), "stop and go").await?;
        ctx.event("stop and go".to_owned());
        io::Result::Ok(())
    });
    net.always("a file that is sent has arrived", move |run| {
        run.events(sender).iter().all(|file| run.events(receiver).contains(file))
    });
    let faults = Profile { duplicate: Chance::percent(10), ..Profile::default() };
    Check::new(net).profile(faults).assert();
}
