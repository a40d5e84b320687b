//! No secret shows: the real service with every kind of target, each failing in several ways, at the most talkative level; then everything that it
//! and the commands beside it put out is searched for them, the files of its state included.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kit::{stop_logging, trailhound};

/// A part of every secret, and of nothing else.
const MARK: &str = "5ecret";

/// Each secret by the name of the variable it comes from.
const SECRETS: [(&str, &str); 22] = [
    ("SIGNING_KEY", "signing-key-5ecret-0001"),
    ("OTHER_KEY", "other-signing-key-5ecret-0002"),
    ("AUTHORIZATION", "Bearer header-5ecret-0003"),
    ("URL_USER", "url-user-5ecret-0004"),
    ("URL_PASSWORD", "url-password-5ecret-0005"),
    ("URL_TOKEN", "url-query-5ecret-0006"),
    ("CLIENT_SECRET", "client-5ecret-0007"),
    ("SLACK_PATH", "T00000000/B00000000/slack5ecret0008"),
    ("BOT_TOKEN", "xoxb-5ecret-0009-0123456789"),
    ("SIGNING_SECRET", "slack-signing-5ecret-0010"),
    ("TEAMS_SIGNATURE", "teams-sig-5ecret-0011"),
    ("ROUTING_KEY", "R5ecret0012R5ecret0012R5ecret001"),
    ("API_KEY", "opsgenie-5ecret-0013-0123456789"),
    ("SMTP_USER", "smtp-user-5ecret-0014"),
    ("SMTP_PASSWORD", "smtp-password-5ecret-0015"),
    ("PROGRAM_SECRET", "environment-5ecret-0016"),
    ("HTTP_KEY", "http-key-5ecret-0017-0123"),
    ("PUSH_KEY", "push-key-5ecret-0018-0123"),
    ("HEARTBEAT_PATH", "heartbeat-5ecret-0019"),
    ("ENRICH_KEY", "Bearer enrich-5ecret-0020"),
    ("RESPOND_KEY", "respond-key-5ecret-0021"),
    ("RESPOND_PATH", "respond-path-5ecret-0022"),
];

/// Ways to fail: a name and the address that does.
type Faults = Vec<(&'static str, String)>;

/// A receiver that answers with a status and all it was sent.
fn echo(status: &'static str) -> SocketAddr {
    serve(move |mut stream, request| {
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", request.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(request.as_bytes()));
    })
}

/// One that closes the connection on whoever speaks.
fn closing() -> SocketAddr {
    serve(|stream, _| drop(stream))
}

fn serve(answer: impl Fn(TcpStream, String) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let mut request = Vec::new();
            let mut some = [0; 4096];
            while let Ok(count) = (&stream).read(&mut some)
                && count > 0
            {
                request.extend_from_slice(&some[..count]);
            }
            answer(stream, String::from_utf8_lossy(&request).into_owned());
        }
    });
    address
}

/// A relay that takes nobody's word for who they are, and repeats it.
fn relay() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.write_all(b"220 relay ESMTP\r\n");
                let mut some = [0; 4096];
                while let Ok(count) = stream.read(&mut some)
                    && count > 0
                {
                    let said = String::from_utf8_lossy(&some[..count]).trim().to_owned();
                    let answer = match said.get(..4).unwrap_or_default() {
                        "EHLO" => "250-relay\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
                        _ => format!("535 not with {said}\r\n"),
                    };
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
    address
}

/// Every kind of target against every fault, as the configuration has them, and their names.
fn targets(faults: &Faults, relay: SocketAddr) -> (String, Vec<String>) {
    let (mut text, mut names) = (String::new(), Vec::new());
    let beside = "retry: { attempts: 2, delay: 50ms, delay_max: 100ms, timeout: 3s }";
    let network = "network: { allow: [127.0.0.0/8], plain_http: true, timeout: 2s, connect_timeout: 2s }";
    let mut add = |kind: &str, fault: &str, settings: &str, network: &str| {
        let name = format!("{kind}-{fault}");
        let kind = kind.split('-').next().unwrap();
        writeln!(text, "  {name}: {{ {kind}: {{ {settings} }}, {beside}{network} }}").unwrap();
        names.push(name);
    };
    for (fault, base) in faults {
        let (scheme, host) = base.split_once("://").unwrap();
        let url = format!("\"{scheme}://${{URL_USER}}:${{URL_PASSWORD}}@{host}/hook?token=${{URL_TOKEN}}\"");
        let network = format!(", {network}");
        let keys = "signing_keys: [\"${SIGNING_KEY}\", \"${OTHER_KEY}\"]";
        let oauth = format!(
            "oauth: {{ token_url: {url}, client_id: trailhound, client_secret: \"${{CLIENT_SECRET}}\" }}"
        );
        add(
            "webhook",
            fault,
            &format!("url: {url}, {keys}, headers: {{ Authorization: \"${{AUTHORIZATION}}\" }}"),
            &network,
        );
        add("webhook-oauth", fault, &format!("url: {url}, {oauth}"), &network);
        add("slack", fault, &format!("webhook: \"{base}/services/${{SLACK_PATH}}\""), &network);
        let app = "bot_token: \"${BOT_TOKEN}\", signing_secret: \"${SIGNING_SECRET}\", channel: C0123456789";
        add("slack-app", fault, &format!("{app}, url: \"{base}/api/\""), &network);
        add("teams", fault, &format!("webhook: \"{base}/workflows/x?sig=${{TEAMS_SIGNATURE}}\""), &network);
        add("pagerduty", fault, &format!("routing_key: \"${{ROUTING_KEY}}\", url: {url}"), &network);
        add("opsgenie", fault, &format!("api_key: \"${{API_KEY}}\", url: {url}"), &network);
    }
    let login = "username: \"${SMTP_USER}\", password: \"${SMTP_PASSWORD}\", from: a@example.com, to: [b@example.com]";
    for (fault, server, port, tls) in [
        ("no-tls", "127.0.0.1", relay.port(), "starttls"),
        ("bad-tls", "127.0.0.1", relay.port(), "implicit"),
        ("closed", "127.0.0.1", 1, "starttls"),
        ("dns", "no-such-host.invalid", 587, "starttls"),
    ] {
        add(
            "email",
            fault,
            &format!("server: {server}, port: {port}, tls: {tls}, {login}"),
            &format!(", {network}"),
        );
    }
    let program = "argv: [/bin/sh, -c, 'cat; echo \"$TOKEN\"; echo \"$TOKEN\" >&2; exit 1'], environment: { TOKEN: \"${PROGRAM_SECRET}\" }";
    add("command", "fails", program, "");
    (text, names)
}

fn configuration(
    push: SocketAddr,
    operations: SocketAddr,
    faults: &Faults,
    relay: SocketAddr,
) -> (String, usize) {
    let (targets, names) = targets(faults, relay);
    let refusing = &faults[0].1;
    let network = "network: { allow: [127.0.0.0/8], plain_http: true }";
    let text = format!(
        "state: {{ folder: state, durability: crash }}\n\
         log: {{ level: debug }}\n\
         sources: [{{ http: {{ listen: \"{push}\", keys: [\"${{PUSH_KEY}}\"] }} }}]\n\
         http: {{ listen: \"{operations}\", keys: [\"${{HTTP_KEY}}\"] }}\n\
         heartbeat: {{ url: \"{refusing}/${{HEARTBEAT_PATH}}\", every: 5s, {network} }}\n\
         enrich:\n  - http: {{ url: \"{refusing}/enrich\", headers: {{ Authorization: \"${{ENRICH_KEY}}\" }}, {network} }}\n\
         respond:\n  - webhook: {{ url: \"{refusing}/${{RESPOND_PATH}}\", signing_keys: [\"${{RESPOND_KEY}}\"] }}\n    dry_run: false\n    {network}\n\
         targets:\n{targets}\
         routes: [{{ to: [{}] }}]\n",
        names.join(", ")
    );
    (text, names.len())
}

struct Site {
    folder: tempfile::TempDir,
    push: SocketAddr,
    operations: SocketAddr,
}

impl Site {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = trailhound(self.folder.path());
        command.args(arguments).envs(SECRETS);
        command
    }

    fn start(&self) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let out = log.try_clone().unwrap();
        self.command(&["serve", "-c", "trailhound.yaml"])
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .stdout(out)
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Runs a command beside the service, and adds what it says.
    fn look(&self, arguments: &[&str], shown: &mut String) {
        let seen = kit::see(&mut self.command(arguments));
        writeln!(shown, "{arguments:?}: {seen}").unwrap();
    }
}

/// Asks with a key or without, and adds the whole answer; says its status.
fn ask(address: SocketAddr, method: &str, path: &str, key: &str, body: &str, shown: &mut String) -> u16 {
    let Ok(mut stream) = TcpStream::connect(address) else { return 0 };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    if stream.read_to_string(&mut text).is_err() {
        return 0;
    }
    writeln!(shown, "{method} {path}: {text}").unwrap();
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

fn until(what: &str, log: impl Fn() -> String, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(240), "waited in vain until {what}: {}", log());
        thread::sleep(Duration::from_millis(50));
    }
}

/// The files below a folder, as text.
fn files(folder: &Path, shown: &mut String) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, shown);
        } else if let Ok(bytes) = fs::read(&path) {
            writeln!(shown, "{}: {}", path.display(), String::from_utf8_lossy(&bytes)).unwrap();
        }
    }
}

fn assert_clean(shown: &str) {
    let lower = shown.to_lowercase();
    if !lower.contains(MARK) {
        return;
    }
    let lines: Vec<String> = shown
        .lines()
        .filter(|line| line.to_lowercase().contains(MARK))
        .map(|line| {
            let at = line.to_lowercase().find(MARK).unwrap_or_default();
            line.chars().skip(at.saturating_sub(100)).take(240).collect()
        })
        .take(20)
        .collect();
    panic!("a secret shows: {lines:#?}");
}

#[test]
fn no_secret_shows_whatever_fails() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (push, operations) = (free(), free());
    let faults: Faults = vec![
        ("refused", format!("http://{}", echo("401 Unauthorized"))),
        ("broken", format!("http://{}", echo("500 Internal Server Error"))),
        ("reset", format!("http://{}", closing())),
        ("dns", "http://no-such-host.invalid".to_owned()),
        ("tls", format!("https://{}", echo("200 OK"))),
    ];
    let (configuration, count) = configuration(push, operations, &faults, relay());
    let site =
        Site { folder: kit::folder(&[("trailhound.yaml", configuration.as_bytes())]), push, operations };
    let mut shown = String::new();
    site.look(&["check", "trailhound.yaml"], &mut shown);
    let mut child = site.start();
    let value = |name: &str| SECRETS.into_iter().find(|(known, _)| *known == name).unwrap().1;
    let (http_key, push_key) = (value("HTTP_KEY"), value("PUSH_KEY"));
    until(
        "it is ready",
        || site.log(),
        || {
            assert!(child.try_wait().unwrap().is_none(), "it ended: {}", site.log());
            ask(site.operations, "GET", "/readyz", http_key, "", &mut shown) == 200
        },
    );
    let event = stop_logging("e-1", &now());
    assert_eq!(ask(site.push, "POST", "/events", "another key of some length", &event, &mut shown), 403);
    assert_eq!(ask(site.push, "POST", "/events", push_key, &event, &mut shown), 200);
    // As many as there are targets, and the response.
    until(
        "everything has failed for good",
        || site.log(),
        || {
            let mut status = String::new();
            site.look(&["status", "trailhound.yaml", "--format", "json"], &mut status);
            let json = status
                .split_once("--- stdout\n")
                .and_then(|(_, rest)| rest.split_once("--- stderr"))
                .unwrap()
                .0;
            let json: serde_json::Value = serde_json::from_str(json).unwrap();
            let deliveries = &json["deliveries"];
            shown.push_str(&status);
            deliveries["created"].as_u64() > Some(count as u64)
                && deliveries["dead"].as_u64() >= Some(count as u64)
        },
    );

    for (method, path) in [
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("POST", "/slack/actions"),
        ("GET", "/no-such-page"),
    ] {
        for key in [http_key, "another key of some length"] {
            ask(site.operations, method, path, key, "payload=%7B%7D", &mut shown);
        }
    }
    for path in ["/events", "/healthz", "/no-such-page"] {
        ask(site.push, "GET", path, push_key, "", &mut shown);
    }
    let state = "state";
    for arguments in [
        &["status", state][..],
        &["findings", state, "--format", "table"],
        &["findings", state, "--format", "ndjson"],
        &["findings", state, "--format", "outcomes"],
        &["deliveries", "list", state],
        &["deliveries", "list", state, "--format", "json"],
        &["deliveries", "retry", state, "--target", "webhook-refused"],
        &["audit", "list", state],
        &["audit", "verify", state],
        &["silence", "list", state],
        &["suppressions", "trailhound.yaml"],
        &["backup", state, "backup.db"],
        &["check", "trailhound.yaml", "--format", "json"],
        &["schema", "configuration"],
    ] {
        site.look(arguments, &mut shown);
    }
    // A reload that fails says why, with a picture of the file.
    let broken = configuration.replace("log: { level: debug }", "log: { level: loud }");
    let broken =
        SECRETS.iter().fold(broken, |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    fs::write(site.folder.path().join("trailhound.yaml"), &broken).unwrap();
    let hup = Command::new("kill").args(["-HUP", &child.id().to_string()]).stdout(Stdio::null()).status();
    assert!(hup.unwrap().success());
    until("the reload is refused", || site.log(), || site.log().contains("was not reloaded"));
    site.look(&["check", "trailhound.yaml"], &mut shown);
    site.look(&["serve", "-c", "trailhound.yaml"], &mut shown);
    ask(site.operations, "GET", "/readyz", http_key, "", &mut shown);
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    child.wait().unwrap();

    // The configuration itself has them by now, and is nobody's output.
    fs::remove_file(site.folder.path().join("trailhound.yaml")).unwrap();
    files(site.folder.path(), &mut shown);
    assert!(shown.contains("[secret]"), "somebody repeated a secret");
    assert!(shown.contains("401 Unauthorized") && shown.contains("level=debug"), "something was looked at");
    assert_clean(&shown);
}

fn now() -> String {
    // Tests have no clock of their own; the file system does.
    let made = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().modified().unwrap();
    format!("{:.0}", jiff::Timestamp::try_from(made).unwrap())
}
