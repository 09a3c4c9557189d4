//! A shop and its client, over HTTP/1.1 connections that are kept. Where sockets, timers and tasks come from is the parent
//! module's business.

use std::error::Error;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lossproof::Ctx;

use super::net::{TcpListener, TcpStream};
use super::{task, time, timer};
use crate::http1::Heard;

/// More than a connection's buffer holds.
static BOOK: LazyLock<Bytes> = LazyLock::new(|| (0..70_000_u32).map(|index| (index % 251) as u8).collect());
/// hyper gives a connection up if half a head has come by then; and half of it may have, where law 4 cuts a stream. So no
/// span of a fault ends at this moment.
const HEADER_TIMEOUT: Duration = Duration::from_nanos(5_000_000_001);

/// The shop: it knows which orders were carried out, also after it was started anew.
struct Shop {
    ctx: Ctx<u8>,
    orders: Mutex<Vec<u8>>,
    /// Planted: an order that is known already is carried out again.
    forgets: bool,
}

impl Shop {
    async fn reply(&self, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let (status, body) = match (parts.method, parts.uri.path()) {
            (Method::GET, "/book") => (StatusCode::OK, BOOK.clone()),
            (Method::POST, "/orders") if body.len() == 1 => (self.carry_out(body[0]), Bytes::new()),
            (Method::GET, "/orders") => (StatusCode::OK, Bytes::from(self.orders.lock().unwrap().clone())),
            _ => (StatusCode::NOT_FOUND, Bytes::new()),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        Ok(response)
    }

    fn carry_out(&self, order: u8) -> StatusCode {
        let mut orders = self.orders.lock().unwrap();
        if orders.contains(&order) && !self.forgets {
            return StatusCode::OK;
        }
        orders.push(order);
        self.ctx.save(&orders);
        self.ctx.event(order);
        StatusCode::CREATED
    }
}

pub async fn serve(ctx: Ctx<u8>, forgets: bool) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    let shop = Arc::new(Shop { ctx, orders: Mutex::new(ctx.disk()), forgets });
    let mut http = hyper::server::conn::http1::Builder::new();
    // The date would be that of the system, another one each second.
    http.auto_date_header(false).timer(timer()).header_read_timeout(HEADER_TIMEOUT);
    loop {
        let (stream, _) = listener.accept().await?;
        let shop = Arc::clone(&shop);
        let service = service_fn(move |request| {
            let shop = Arc::clone(&shop);
            async move { shop.reply(request).await }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        // A client that is gone is no matter.
        task::spawn(async move { drop(connection.await) });
    }
}

type Answer = Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>>;

/// One request over the connection that was kept, or over a new one. Nothing is kept after an error.
async fn ask(kept: &mut Option<SendRequest<Full<Bytes>>>, request: Request<Full<Bytes>>) -> Answer {
    let mut sender = match kept.take() {
        Some(sender) if sender.is_ready() => sender,
        _ => {
            let stream = TcpStream::connect("shop:80").await?;
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            task::spawn(async move { drop(connection.await) });
            sender
        }
    };
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    sender.ready().await?;
    *kept = Some(sender);
    Ok((status, body))
}

fn request(method: Method, path: &str, body: &[u8]) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header("host", "shop");
    request.body(Full::new(Bytes::copy_from_slice(body))).expect("all parts are valid")
}

pub async fn visit(ctx: Ctx<Heard>) {
    let mut kept = None;
    for step in 0..4 {
        let heard = loop {
            let request = match step {
                0 => request(Method::GET, "/book", b""),
                3 => request(Method::GET, "/orders", b""),
                order => request(Method::POST, "/orders", &[order]),
            };
            match time::timeout(Duration::from_secs(2), ask(&mut kept, request)).await {
                Ok(Ok((StatusCode::OK, body))) if step == 0 => break Heard::Book { is_whole: body == *BOOK },
                Ok(Ok((StatusCode::OK, body))) if step == 3 => break Heard::Orders(body.to_vec()),
                Ok(Ok((StatusCode::OK | StatusCode::CREATED, _))) => break Heard::Ordered(step),
                Ok(Ok((status, _))) => panic!("no such answer: {status}"),
                Ok(Err(_)) | Err(_) => time::sleep(Duration::from_millis(100)).await,
            }
        };
        ctx.event(heard);
        time::sleep(Duration::from_secs(1)).await;
    }
}
