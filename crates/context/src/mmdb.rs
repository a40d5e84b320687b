//! A writer of small databases in MaxMind's format, for tests: a search tree of 24-bit records over IPv6, then the data, then what it is.

use std::net::IpAddr;

/// A value in a database.
pub(crate) enum Data {
    Text(String),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(String, Data)>),
    EmptyList,
}

impl Data {
    pub(crate) fn text(text: &str) -> Self {
        Data::Text(text.to_owned())
    }

    pub(crate) fn map<const N: usize>(members: [(&str, Data); N]) -> Self {
        Data::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A type in the upper three bits of the first byte, a size in the lower five; 29 means that the size less 29 follows.
    fn write(&self, out: &mut Vec<u8>) {
        let mut head = |kind: u8, size: usize| {
            if size < 29 {
                out.push(kind << 5 | u8::try_from(size).unwrap());
            } else {
                out.extend([kind << 5 | 29, u8::try_from(size - 29).unwrap()]);
            }
        };
        match self {
            Data::Text(text) => {
                head(2, text.len());
                out.extend(text.as_bytes());
            }
            Data::Short(number) => {
                head(5, 2);
                out.extend(number.to_be_bytes());
            }
            Data::Number(number) => {
                head(6, 4);
                out.extend(number.to_be_bytes());
            }
            // Types beyond the seventh have their number in a byte of its own, less seven.
            Data::EmptyList => out.extend([0, 11 - 7]),
            Data::Long(number) => {
                out.extend([8, 9 - 7]);
                out.extend(number.to_be_bytes());
            }
            Data::Map(members) => {
                head(7, members.len());
                for (name, value) in members {
                    Data::text(name).write(out);
                    value.write(out);
                }
            }
        }
    }
}

/// Where a branch leads.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    /// To the data at this offset.
    Data(usize),
}

/// A database of that kind with these networks. Networks inside others come after them.
pub(crate) fn database(kind: &str, networks: &[(&str, Data)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Branch::Nothing; 2]], Vec::new());
    for (network, value) in networks {
        let offset = data.len();
        value.write(&mut data);
        let (address, length) = network.split_once('/').unwrap();
        let length: usize = length.parse().unwrap();
        // An IPv4 address stands at the end of 96 zeroes.
        let (bits, length) = match address.parse().unwrap() {
            IpAddr::V4(address) => (u128::from(u32::from(address)), length + 96),
            IpAddr::V6(address) => (u128::from(address), length),
        };
        let mut node = 0;
        for place in 0..length {
            let bit = usize::from(bits >> (127 - place) & 1 == 1);
            if place + 1 == length {
                nodes[node][bit] = Branch::Data(offset);
                break;
            }
            node = match nodes[node][bit] {
                Branch::Node(next) => next,
                // What the larger network said holds for the other half of it.
                other => {
                    nodes.push([other; 2]);
                    let next = nodes.len() - 1;
                    nodes[node][bit] = Branch::Node(next);
                    next
                }
            };
        }
    }
    let count = nodes.len();
    let mut bytes = Vec::new();
    for branch in nodes.into_iter().flatten() {
        let record = match branch {
            Branch::Nothing => count,
            Branch::Node(node) => node,
            Branch::Data(offset) => count + 16 + offset,
        };
        bytes.extend(&u32::try_from(record).unwrap().to_be_bytes()[1..]);
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    Data::map([
        ("node_count", Data::Number(u32::try_from(count).unwrap())),
        ("record_size", Data::Short(24)),
        ("ip_version", Data::Short(6)),
        ("database_type", Data::text(kind)),
        ("languages", Data::EmptyList),
        ("binary_format_major_version", Data::Short(2)),
        ("binary_format_minor_version", Data::Short(0)),
        ("build_epoch", Data::Long(1_790_000_000)),
        ("description", Data::map([])),
    ])
    .write(&mut bytes);
    bytes
}
