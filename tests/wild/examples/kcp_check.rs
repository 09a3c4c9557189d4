//! kcp 0.6.0: `check` says that `update` is due, and `update` does nothing: a loop that asks spins. Fails by itself.

fn main() {
    let mut kcp = kcp::Kcp::new(7, std::io::sink());
    kcp.update(0).expect("the output takes all");
    kcp.send(b"lost").expect("the message is short");
    let (mut now_ms, mut calls_without_time) = (0, 0);
    while now_ms < 1_000 {
        let wait_ms = kcp.check(now_ms);
        calls_without_time = if wait_ms == 0 { calls_without_time + 1 } else { 0 };
        assert!(calls_without_time < 1_000, "at {now_ms} ms, update was due a thousand times");
        now_ms += wait_ms;
        kcp.update(now_ms).expect("the output takes all");
    }
}
