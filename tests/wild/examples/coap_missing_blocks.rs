//! coap-lite 0.13.3: the last block of a body comes, others before it never did, and the body is given to the application
//! with zeros in their place. RFC 7959 section 2.9.2 has it refused with 4.08, "Request Entity Incomplete". Fails by itself.

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
    // The server has begun anew since the first block, so its state is empty.
    let mut server = BlockHandler::new(BlockHandlerConfig::default());
    let mut last = block(1, false, "the end");
    let is_handled = server.intercept_request(&mut last).is_ok_and(|is_handled| !is_handled);
    let body = last.message.payload;
    assert!(!is_handled, "the application is given {:?}", String::from_utf8_lossy(&body));
}
