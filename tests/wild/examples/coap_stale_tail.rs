//! coap-lite 0.13.3: an upload is given up, a shorter one follows, and the application gets the second body with the end of
//! the first one. A block 0 begins a new body (RFC 7959 section 2.5). Fails by itself.

use coap_lite::block_handler::{BlockHandler, BlockHandlerConfig, BlockValue};
use coap_lite::{CoapOption, CoapRequest, Packet, RequestType};

fn block(number: usize, more: bool, text: &str) -> CoapRequest<&'static str> {
    let mut request = CoapRequest::<&str>::new();
    request.set_method(RequestType::Put);
    request.set_path("/body");
    request.message.add_option_as(CoapOption::Block1, BlockValue::new(number, more, 16).expect("a block"));
    request.message.payload = text.as_bytes().to_vec();
    let bytes = request.message.to_bytes().expect("it is short");
    CoapRequest::from_packet(Packet::from_bytes(&bytes).expect("it was written so"), "client")
}

fn main() {
    let mut server = BlockHandler::new(BlockHandlerConfig::default());
    for number in 0..3 {
        let is_handled = server.intercept_request(&mut block(number, true, "aaaaaaaaaaaaaaaa"));
        assert!(is_handled.is_ok_and(|is_handled| is_handled), "block {number} is not the last");
    }
    // The client has begun anew.
    server.intercept_request(&mut block(0, true, "bbbbbbbbbbbbbbbb")).expect("a first block is taken");
    let mut last = block(1, false, "b");
    server.intercept_request(&mut last).expect("the last block is taken");
    let body = String::from_utf8_lossy(&last.message.payload).into_owned();
    assert_eq!(body, "b".repeat(17), "the application is given another body");
}
