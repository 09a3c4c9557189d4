//! kcp 0.6.0: the u32 clock of milliseconds passes 2^31, and where overflow is checked, kcp panics. Fails by itself.

fn main() {
    let mut kcp = kcp::Kcp::new(7, std::io::sink());
    // 24.8 days after a start at 0. With the calendar cut to 32 bits, it comes every 49.7 days.
    for now_ms in ((1 << 31) - 200..(1_u32 << 31) + 200).step_by(10) {
        kcp.update(now_ms).expect("the output takes all");
    }
}
