//! geocode as a user meets it, against servers and clients in Python.

use std::process::Output;

use crate::process::{Server, call, lines};
use crate::python::Python;

/// A plain server whose answer depends on the place.
const PYTHON_SERVER: &str = r#"
import http.server, json, sys, time, urllib.parse
def result(lat, lng):
    return {'geometry': {'viewport': {}, 'location': {'lng': lng, 'lat': lat}}, 'formatted_address': 'somewhere'}
def body(*results):
    return json.dumps({'status': 'OK' if results else 'ZERO_RESULTS', 'results': list(results)}).encode()
FOUND = body(result(41.521954, -84.306691))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def head(self, status, *fields):
        self.send_response(status)
        for field in fields:
            self.send_header(*field)
        self.end_headers()
    def answer(self, body, status=200):
        self.head(status, ('Content-Length', str(len(body))))
        self.wfile.write(body)
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        fine = url.path == '/maps/api/geocode/json' and query['sensor'] == ['false']
        fine = fine and self.headers['Accept'] == 'application/json' and self.headers['Connection'] == 'close'
        place = query['address'][0] if fine else 'not as it should be'
        if place in ('Überlingen, 北 + 1%', 'dripped'):
            for byte in FOUND if place == 'dripped' else b'':
                time.sleep(0.001)
            self.answer(FOUND)
        elif place == 'slow':
            self.head(200, ('Content-Length', str(len(FOUND))))
            self.wfile.write(FOUND[:-10])
            time.sleep(2)
        elif place == 'silent':
            time.sleep(2)
        elif place == 'chunked':
            self.head(200, ('Transfer-Encoding', 'chunked'))
            for at in range(0, len(FOUND), 7):
                chunk = FOUND[at:at + 7]
                self.wfile.write(b'%x\r\n%s\r\n' % (len(chunk), chunk))
            self.wfile.write(b'0\r\n\r\n')
        elif place == 'truncated':
            self.head(200, ('Content-Length', str(len(FOUND) + 1)), ('Connection', 'close'))
            self.wfile.write(FOUND)
        elif place == 'truncated chunk':
            self.head(200, ('Transfer-Encoding', 'chunked'), ('Connection', 'close'))
            self.wfile.write(b'%x\r\n%s\r\n' % (len(FOUND), FOUND))
        elif place == 'truncated head':
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Len')
            self.close_connection = True
        elif place == 'truncated json':
            self.answer(FOUND[:-1])
        elif place == 'not JSON':
            self.answer(b'<html>41.521954</html>')
        elif place == 'lacks':
            self.answer(FOUND.replace(b'"lat"', b'"latitude"'))
        elif place == 'long':
            self.head(200, ('Content-Length', str(1 << 20 | 1)))
        elif place == 'nowhere':
            self.answer(body())
        elif place == 'two':
            self.answer(body(result(1.5, 2), result(3, 4)))
        elif place == 'denied':
            self.answer(b'{"results": [], "status": "REQUEST_DENIED"}')
        else:
            self.answer(FOUND, 404)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// What is shown, what is said beside it, and the status.
fn told(output: &Output) -> (String, String, Option<i32>) {
    let beside = String::from_utf8_lossy(&output.stderr).into_owned();
    (lines(output).join("\n"), beside, output.status.code())
}

/// S104, S105, S106, S107, C06: whatever a server does, it is one line and a status; and nothing of what is not whole is shown.
#[test]
fn a_server_in_python_is_understood_whatever_it_answers() {
    let Some(mut python) = Python::start(PYTHON_SERVER, &[]) else { return };
    let addr = format!("127.0.0.1:{}", python.line());
    let found = "{'lat': 41.521954, 'lng': -84.306691}";
    for (place, shown, beside, code) in [
        ("Überlingen, 北 + 1%", found, "", 0),
        ("dripped", found, "", 0),
        ("chunked", found, "", 0),
        ("two", "{'lat': 1.5, 'lng': 2}", "2 places have these words; this is the first", 0),
        ("slow", "", "no answer within 0.5 seconds", 1),
        ("silent", "", "no answer within 0.5 seconds", 1),
        ("truncated", "", "the body should have 147 bytes, but only 146 came", 1),
        ("truncated chunk", "", "the body ended after 146 bytes, before its last chunk", 1),
        ("truncated head", "", "the response ended after 28 bytes, and there was no blank line in it", 1),
        ("truncated json", "", "the answer is not JSON: EOF while parsing an object at line 1 column 145", 1),
        ("not JSON", "", "the answer is not JSON: expected value at line 1 column 1", 1),
        ("lacks", "", "the answer has no 'results[0].geometry.location.lat'", 1),
        ("long", "", "the body has more than 1048576 bytes", 1),
        ("nowhere", "", "no place has all these words: write fewer of them", 1),
        ("denied", "", "the server answers 'REQUEST_DENIED'", 1),
        ("anything else", "", "the server answers with status 404, not with 200", 1),
    ] {
        let output = call(&["geocode", &addr, place, "--timeout", "500ms"]);
        let beside = if beside.is_empty() { String::new() } else { format!("lossproof: {beside}\n") };
        assert_eq!(told(&output), (shown.to_owned(), beside, Some(code)), "{place}");
    }
    let output = call(&["geocode", &addr, "two", "--json"]);
    assert_eq!(lines(&output), [r#"{"lat":1.5,"lng":2}"#]);
}

/// The original, more or less, and what else a client may ask on one connection.
const PYTHON_CLIENT: &str = r"
import http.client, json, sys, urllib.parse
def ask(path, connection, method='GET'):
    connection.request(method, path)
    reply = connection.getresponse()
    body = reply.read()
    return reply.status, json.loads(body) if body else None
base = '/maps/api/geocode/json'
path = base + '?' + urllib.parse.urlencode({'address': '207 N. Defiance St, Archbold, OH', 'sensor': 'false'})
connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=10)
status, reply = ask(path, connection)
print(reply['results'][0]['geometry']['location'])
assert (status, reply['status'], len(reply['results'])) == (200, 'OK', 1)
sock = connection.sock
assert ask(base + '?address=SPRINGFIELD', connection)[1]['results'][1]['formatted_address'] == 'Springfield, MO, USA'
assert ask(base + '?address=Atlantis', connection) == (200, {'results': [], 'status': 'ZERO_RESULTS'})
assert ask(base, connection) == (400, {'results': [], 'status': 'INVALID_REQUEST'})
assert ask('/', connection) == (404, None)
assert connection.sock is sock, 'it is one connection'
assert ask(path, connection, 'DELETE') == (405, None)
assert connection.sock is None, 'it is over'
";

/// S108, S109: a client of Python's own is answered, all on one connection.
#[test]
fn a_client_in_python_is_answered() {
    let server = Server::start(&["geocode", "127.0.0.1:0"]);
    let (_, port) = server.addr.rsplit_once(':').expect("it has a port");
    let Some(mut python) = Python::start(PYTHON_CLIENT, &[port]) else { return };
    assert_eq!(python.line(), "{'lat': 41.521954, 'lng': -84.306691}");
    python.assert_ended();
}

/// S108: a table of one's own, and one that is none.
#[test]
fn a_table_is_read_from_its_file() {
    let path = |name: &str| format!("{}/geocode-{}-{name}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let (table, broken) = (path("table.json"), path("broken.json"));
    std::fs::write(&table, r#"[{"address": "Home, sweet home", "lat": 1, "lng": -0.5}]"#)
        .expect("it can be written");
    std::fs::write(&broken, r#"[{"address": "Home", "lat": 91, "lng": 0}]"#).expect("it can be written");
    let server = Server::start(&["geocode", "127.0.0.1:0", "--table", &table]);
    let output = call(&["geocode", &server.addr, "HOME"]);
    assert_eq!(told(&output), ("{'lat': 1, 'lng': -0.5}".to_owned(), String::new(), Some(0)));
    assert_eq!(call(&["geocode", &server.addr, "archbold"]).status.code(), Some(1));
    let output = call(&["geocode", &server.addr, "home", "--table", &broken]);
    let (shown, beside, code) = told(&output);
    assert_eq!((shown.as_str(), code, beside.lines().count()), ("", Some(2), 1));
    assert!(
        beside.starts_with(&format!("lossproof: --table: cannot use '{broken}': its place 1 is none")),
        "{beside}"
    );
    std::fs::remove_file(table).and_then(|()| std::fs::remove_file(broken)).expect("they were written");
}
