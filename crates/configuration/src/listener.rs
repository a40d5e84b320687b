//! An address to listen on, and who may talk to it.
//!
//! Invariant: a listener that others than this machine can reach asks for a key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rules::Check;
use rules::yaml::{Node, Value};
use targets::Secret;

use crate::read::Reader;
use crate::secret::Found;

/// Where something listens.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The address.
    pub address: SocketAddr,
    /// Keys of which a caller has to show one. Empty only where the address is this machine's own (loopback): then nobody is asked.
    pub keys: Vec<Secret>,
}

/// A shorter key is guessed.
pub(crate) const KEY_LENGTH_MIN: usize = 16;

pub(crate) const KEYS: [&str; 2] = ["listen", "keys"];

impl Reader<'_, '_> {
    /// The listener of the service itself. `None` inside: its keys were not looked up.
    pub(crate) fn http(&mut self, node: &Node) -> Option<Found<Listener>> {
        let fields = self.fields(node, "`http`", &KEYS, &[])?;
        self.listener(&fields)
    }

    /// `listen` and `keys` of a mapping.
    pub(crate) fn listener(&mut self, fields: &rules::Fields<'_>) -> Option<Found<Listener>> {
        let listen = fields.required(self.complaints, "listen");
        let address = listen.and_then(|node| self.address(node));
        let keys = fields.get("keys").map_or(Some(Found::Value(Vec::new())), |node| self.keys(node, "keys"));
        let named = fields
            .get("keys")
            .is_some_and(|node| !matches!(&node.value, Value::Sequence(keys) if keys.is_empty()));
        if let (Some(address), Some(node)) = (address, listen) {
            if !address.ip().is_loopback() && !named && !fields.was_meant("keys") {
                let message = format!("everybody who reaches `{address}` could talk to it");
                let diagnostic =
                    self.complaints.diagnostic(Check::ExposedListener, node.range.clone(), message);
                let help = format!(
                    "listen on `127.0.0.1:{}`, or give `keys` that callers have to show",
                    address.port()
                );
                self.complaints.push(diagnostic.help(help));
                return None;
            }
            self.listens_alone(address, node);
        }
        let address = address?;
        Some(keys?.map(|keys| Listener { address, keys }))
    }

    /// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
    fn address(&mut self, node: &Node) -> Option<SocketAddr> {
        let text = self.text(node, "`listen`")?;
        let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        let local = local.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        let address = local.or_else(|| text.parse().ok());
        if address.is_none() {
            let message = format!("`{}` is not an address to listen on", rules::shown(text));
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            self.complaints.push(
                diagnostic.help("write an IP address and a port, as in `127.0.0.1:8080` or `[::]:8080`"),
            );
        }
        address
    }

    /// Two listeners cannot have one address. Port 0 is any free port.
    fn listens_alone(&mut self, address: SocketAddr, node: &Node) {
        if address.port() != 0 && self.listening.contains(&address) {
            let message = format!("something else listens on `{address}` already");
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            self.complaints.push(diagnostic.help("give each a port of its own"));
        }
        self.listening.push(address);
    }

    /// A list of keys that are long enough.
    pub(crate) fn keys(&mut self, node: &Node, what: &str) -> Option<Found<Vec<Secret>>> {
        let Value::Sequence(items) = &node.value else {
            let message = format!("`{what}` is a list, as in `[\"${{NAME}}\"]`, not {}", node.kind());
            self.complaints.add(Check::WrongType, node.range.clone(), message);
            return None;
        };
        let mut keys = Found::Value(Vec::new());
        let errors = self.complaints.errors();
        for item in items {
            match self.secret(item, crate::secret::Kind::Key) {
                Some(Found::Value(key)) if key.expose().len() < KEY_LENGTH_MIN => {
                    let message = format!("a key needs at least {KEY_LENGTH_MIN} characters");
                    let diagnostic =
                        self.complaints.diagnostic(Check::InvalidValue, item.range.clone(), message);
                    self.complaints.push(diagnostic.help("make one with `openssl rand -hex 32`"));
                }
                Some(key) => keys = keys.and(key, Vec::push),
                None => {}
            }
        }
        (self.complaints.errors() == errors).then_some(keys)
    }
}
