//! What befalls hosts of tasks, and what tasks may not do.

use std::io;
use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::tasks::{MAX_POLLS, Task};
use lossproof::tokio::{task, time};
use lossproof::{Check, Ctx, Host, Input, Instant, Machine, Net, Outbox, Scenario, net};

/// A run of a net with this plan, as text.
fn transcript(net: Net, plan: &str) -> String {
    let scenario = Scenario::from(net);
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { plan, ..Settings::default() });
    engine.transcript().to_string()
}

/// Why a net fails without any fault.
fn failure(net: Net) -> String {
    let verdict = Check::new(net).plan("v2".parse().unwrap()).verdict().unwrap();
    let failure = verdict.failure().unwrap_or_else(|| panic!("it fails: {verdict}"));
    format!("{}: {}", failure.broken, failure.detail)
}

#[test]
fn a_restart_runs_the_closure_anew_with_what_was_saved() {
    let net = Net::new("disk");
    net.host("host").task(|ctx: Ctx<(u32, Vec<u8>)>| async move {
        ctx.event((ctx.incarnation(), ctx.disk()));
        ctx.save(&[ctx.incarnation() as u8 + 7]);
        time::sleep(Duration::from_secs(10)).await;
        ctx.event((99, Vec::new()));
    });
    let text =
        transcript(net, "v2; at 1s crash host; at 2s restart host; at 3s poweroff host; at 4s restart host");
    let events: Vec<&str> = text.lines().filter(|line| line.contains("event")).collect();
    assert_eq!(
        events,
        [
            "0.000  host  event (0, [])",
            "2.000  host  event (1, [7])",
            "4.000  host  event (2, [8])",
            "14.000  host  event (99, [])"
        ]
    );
}

/// A crash drops the tasks and closes what they had; a loss of power does so silently.
#[test]
fn a_crash_drops_all_tasks() {
    let net = || {
        let net = Net::new("drop");
        let server = net.host("server").listen(7).task(|ctx: Ctx<&'static str>| async move {
            let listener = net::TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _) = listener.accept().await?;
            task::spawn(async move {
                let _stream = stream;
                loop {
                    time::sleep(Duration::from_millis(400)).await;
                    ctx.event("alive");
                }
            });
            std::future::pending::<io::Result<()>>().await
        });
        net.host("client").task(move |ctx: Ctx<String>| async move {
            let stream = net::TcpStream::connect(ctx.address(server)).await?;
            ctx.event(format!("{:?}", stream.readable().await));
            ctx.event(format!("{:?}", stream.try_read(&mut [0; 8])));
            io::Result::Ok(())
        });
        net
    };
    let text = transcript(net(), "v2; at 1s crash server");
    assert_eq!(text.matches("alive").count(), 2, "{text}");
    assert!(text.contains("1.005  client  event \"Ok(())\""), "{text}");
    let silent = transcript(net(), "v2; at 1s poweroff server");
    assert_eq!(
        (silent.matches("alive").count(), silent.matches("client  event").count()),
        (2, 0),
        "{silent}"
    );
}

#[test]
fn a_host_is_told_to_stop() {
    for on_tokio in [false, true] {
        let net = Net::new("stop");
        let run = |ctx: Ctx<&'static str>| async move {
            ctx.stopped().await;
            ctx.event("goodbye");
            Err::<(), _>(io::Error::other("stopped"))
        };
        let place = net.host("host");
        let host = if on_tokio { place.tokio(run) } else { place.task(run) };
        net.always("it ends with an error only when it is stopped", move |run| {
            run.state(host).and_then(Task::error).is_none_or(|error| error.contains("stopped"))
        });
        let text = transcript(net, "v2; at 2s stop host");
        assert!(text.contains("2.000  host  event \"goodbye\"\n2.000  host  done  1"), "{text}");
    }
}

/// Those of a task of tokio's own are no exception, though its runtime keeps them to itself.
#[test]
fn a_panic_of_a_spawned_task_is_a_finding_with_its_host_and_place() {
    for on_tokio in [false, true] {
        let net = Net::new("panics");
        let run = move |_: Ctx| async move {
            let panics = async { panic!("nobody sees this") };
            if on_tokio {
                tokio::spawn(panics);
            } else {
                task::spawn(panics);
            }
            std::future::pending::<()>().await;
        };
        let place = net.host("host");
        let _ = if on_tokio { place.tokio(run) } else { place.task(run) };
        let said = failure(net);
        assert!(said.starts_with("law 7"), "{said}");
        assert!(
            said.contains("host: ") && said.contains("nobody sees this (at tests/tasks/hosts.rs:"),
            "{said}"
        );
    }
}

#[test]
fn a_panic_of_a_task_that_a_clock_of_tokio_wakes_is_found_too() {
    let net = Net::new("panics");
    net.host("host").tokio(|_: Ctx| async {
        tokio::spawn(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            panic!("a second later");
        });
        std::future::pending::<()>().await;
    });
    let said = failure(net);
    assert!(said.contains("a second later (at tests/tasks/hosts.rs:"), "{said}");
}

/// A host whose task yields this often for one input.
fn yields(count: usize) -> Net {
    let net = Net::new("yields");
    net.host("host").task(move |_: Ctx| async move {
        for _ in 0..count {
            task::yield_now().await;
        }
    });
    net
}

#[test]
fn a_task_that_never_yields_is_named() {
    let said = failure(yields(MAX_POLLS));
    assert!(said.contains("host: it was handed Start at 0.000: task 0 never yields"), "{said}");
    let verdict = Check::new(yields(MAX_POLLS - 1)).runs(1).verdict().unwrap();
    assert!(verdict.failure().is_none(), "one less is allowed: {verdict}");
}

/// Sends what no server expects.
struct Hostile;

impl Machine for Hostile {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => _ = out.connect("192.168.0.1:7".parse().unwrap()),
            Input::Connected { conn, .. } => _ = out.write(conn, &[255; 40]),
            _ => {}
        }
    }
}

/// A machine and tasks are in one net.
#[test]
fn a_hostile_machine_finds_the_fault_of_an_asynchronous_server() {
    use tokio::io::AsyncReadExt;
    let net = Net::new("hostile");
    net.host("server").listen(7).task(|_: Ctx| async {
        let listener = net::TcpListener::bind("0.0.0.0:7").await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            task::spawn(async move {
                let len = stream.read_u8().await?;
                let mut buffer = [0; 64];
                stream.read_exact(&mut buffer[..usize::from(len)]).await.map(drop)
            });
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    net.host("hostile").machine(|_| Hostile);
    let said = failure(net);
    assert!(said.contains("server: ") && said.contains("out of range"), "{said}");
}

/// Connects from tasks that tokio's own `spawn` has made: nobody tells whose they are.
fn dialers(wait: Duration) -> (Net, Host<Task<String>>) {
    let net = Net::new("dialers");
    let server = net.host("server").listen(7).tokio(|_: Ctx| async {
        let listener = net::TcpListener::bind("0.0.0.0:7").await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async move { stream.readable().await });
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    let client = net.host("client").tokio(move |ctx: Ctx<String>| async move {
        tokio::spawn(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let result = net::TcpStream::connect(ctx.address(server)).await;
            ctx.event(result.map_or_else(
                |error| error.to_string(),
                |stream| stream.local_addr().unwrap().ip().to_string(),
            ));
            // It is remembered now, whoever wakes the task.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let again = net::TcpStream::connect(ctx.address(server)).await;
            ctx.event(again.map_or_else(|error| error.to_string(), |_| "again".to_owned()));
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    (net, client)
}

#[test]
fn a_task_of_tokio_is_known_by_the_turn_in_which_it_first_runs() {
    let (net, _) = dialers(Duration::ZERO);
    let text = transcript(net, "v2");
    assert!(text.contains("event \"192.168.0.2\"") && text.contains("event \"again\""), "{text}");
}

#[test]
fn a_task_of_which_nobody_knows_the_host_is_told_so() {
    let (net, _) = dialers(Duration::from_secs(1));
    let text = transcript(net, "v2");
    assert!(text.contains("nobody knows of which simulated host this task is: spawn it by"), "{text}");
}

/// All hosts on tokio have one clock, so none of them can go wrong.
#[test]
fn a_skew_of_a_host_on_tokio_does_not_fire() {
    for (on_tokio, at) in [(false, "0.900"), (true, "1.000")] {
        let net = Net::new("clock");
        let place = net.host("host");
        let _ = if on_tokio {
            place.tokio(|ctx: Ctx<&'static str>| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                ctx.event("woken");
            })
        } else {
            place.task(|ctx: Ctx<&'static str>| async move {
                time::sleep(Duration::from_secs(1)).await;
                ctx.event("woken");
            })
        };
        let text = transcript(net, "v2; at 500ms skew host +100ms");
        assert!(text.contains(&format!("{at}  host  event \"woken\"")), "{text}");
    }
}

#[test]
fn a_plan_that_skews_such_a_host_is_refused_by_name() {
    for fault in ["at 1s skew client +1s", "at 1s skew client -1s", "at 1s drift client x1.5"] {
        let (net, _) = dialers(Duration::ZERO);
        let error = Check::new(net).plan(fault.parse().unwrap()).verdict().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the plan: host 'client' runs on tokio's clock, which all such hosts share: leave skew and drift to hosts made \
             by `task`"
        );
    }
}

/// Nothing outside of a net has a simulated socket.
#[tokio::test]
async fn outside_of_a_net_a_socket_says_where_it_works() {
    let error = net::UdpSocket::bind("0.0.0.0:0").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("hosts made by `task` or `tokio`"), "{error}");
}

#[test]
fn tasks_that_wait_for_one_another_are_named() {
    let net = Net::new("waits");
    let host = net.host("host").task(|ctx: Ctx<()>| async move {
        let lock = std::sync::Arc::new(tokio::sync::Mutex::new(()));
        let guard = lock.lock().await;
        let other = std::sync::Arc::clone(&lock);
        let waits = task::spawn(async move { drop(other.lock().await) });
        // The lock is in its hand.
        waits.await.unwrap();
        drop(guard);
        ctx.event(());
    });
    net.eventually_within("it ends", Duration::from_secs(1), move |run| !run.events(host).is_empty());
    let said = failure(net);
    assert!(said.contains("host waits for locks, channels or one another (2 of 2 tasks)"), "{said}");
}

/// A choice at random is no function of the inputs.
#[test]
fn an_unbiased_select_is_found_and_named() {
    let net = || {
        let net = Net::new("select");
        net.host("host").task(|ctx: Ctx<u8>| async move {
            for _ in 0..100 {
                let chosen = tokio::select! {
                    () = std::future::ready(()) => 0,
                    () = std::future::ready(()) => 1,
                };
                ctx.event(chosen);
            }
        });
        net
    };
    let said = failure(net());
    assert!(said.starts_with("law 6") && said.contains("`tokio::select!` without `biased;`"), "{said}");
}

#[test]
fn a_set_of_tasks_gives_their_ends_and_aborts_what_is_left() {
    let net = Net::new("set");
    net.host("host").task(|ctx: Ctx<String>| async move {
        let mut set = task::JoinSet::new();
        for millis in [30, 10, 20, 500] {
            set.spawn(async move {
                time::sleep(Duration::from_millis(millis)).await;
                millis
            });
        }
        ctx.event(format!("{:?} {}", set.try_join_next(), set.len()));
        for _ in 0..3 {
            ctx.event(format!("{:?}", set.join_next().await));
        }
        set.abort_all();
        ctx.event(format!("{:?}", set.join_next().await.unwrap().unwrap_err().is_cancelled()));
        ctx.event(format!("{:?}", set.join_next().await));
    });
    let text = transcript(net, "v2");
    let told: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once("event ")?.1)).collect();
    let expected =
        ["\"None 4\"", "\"Some(Ok(10))\"", "\"Some(Ok(20))\"", "\"Some(Ok(30))\"", "\"true\"", "\"None\""];
    assert_eq!(told, expected);
}

/// What a task of tokio's does with a stream when its clock wakes it is done in its host's turn.
#[test]
fn a_half_that_a_timer_of_tokio_drops_ends_its_direction() {
    let net = Net::new("late");
    net.host("server").listen(7).tokio(|_: Ctx| async {
        let (mut stream, _) = net::TcpListener::bind("0.0.0.0:7").await?.accept().await?;
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await?;
        tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await
    });
    net.host("client").tokio(|ctx: Ctx<String>| async move {
        let (mut from, to) = net::TcpStream::connect("server:7").await?.into_split();
        to.try_write(b"hello")?;
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(to);
        });
        let mut reply = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut from, &mut reply).await?;
        ctx.event(reply);
        io::Result::Ok(())
    });
    let text = transcript(net, "v2");
    assert!(text.contains("1.020  client  event \"hello\""), "{text}");
}

/// What libraries draw at random follows from the seed of the run, and differs from host to host and from start to start.
#[test]
fn randomness_is_that_of_the_host() {
    fn draw() -> io::Result<[u8; 20]> {
        let mut bytes = [0; 20];
        lossproof::tasks::fill_random(&mut bytes)?;
        Ok(bytes)
    }
    let drawn = || {
        let net = Net::new("random");
        for name in ["one", "other"] {
            net.host(name).task(|ctx: Ctx<[u8; 20]>| async move {
                ctx.event(draw()?);
                task::spawn(async move { ctx.event(draw().unwrap()) }).await.map_err(io::Error::other)
            });
        }
        let text = transcript(net, "v2; at 1s crash one; at 2s restart one");
        let events = text.lines().filter_map(|line| Some(line.split_once("event ")?.1.to_owned()));
        events.collect::<Vec<String>>()
    };
    let all = drawn();
    assert_eq!(all, drawn());
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (6, 6), "{all:?}");
    assert_eq!(draw().unwrap_err().kind(), io::ErrorKind::Unsupported);
}

/// The end of a host's own task drops the others. That one wakes another by it is no reason for a further turn.
#[test]
fn a_task_that_is_dropped_may_wake_another() {
    let net = Net::new("end");
    net.host("host").task(|_: Ctx| async {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<()>();
        task::spawn(async move { receiver.recv().await });
        task::spawn(async move {
            let _sender = sender;
            std::future::pending::<()>().await;
        });
        time::sleep(Duration::from_secs(1)).await;
    });
    let verdict = Check::new(net).plan("v2".parse().unwrap()).runs(1).verdict().unwrap();
    assert!(verdict.failure().is_none(), "{verdict}");
}
