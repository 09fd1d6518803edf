//! A name server on loopback whose answers are written by the test, over UDP and TCP on one port.

use crate::task::Task;
use domain::base::iana::{Rcode, Rtype};
use domain::base::message_builder::AnswerBuilder;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::{A, Aaaa, Cname, Srv};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What is answered to questions for one name and type; whatever has no line is NXDOMAIN.
#[derive(Clone, Debug)]
pub enum Line {
    /// Records as `TYPE TTL DATA`, where they belong to another name with that before: `NAME TYPE TTL DATA`.
    Records(Vec<&'static str>),
    Code(Rcode),
    /// Never an answer.
    Silent,
    /// The first question is lost, those after it are answered so.
    LostOnce(Vec<&'static str>),
    /// An answer under a wrong id first, then garbage, then these.
    Forged(Vec<&'static str>),
    /// Over UDP only that there is more; over TCP all.
    Truncated(Vec<&'static str>),
}

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    _tasks: Arc<[Task; 2]>,
}

#[derive(Default)]
struct Zone {
    lines: HashMap<(String, Rtype), Line>,
    asked: Vec<String>,
}

impl Server {
    pub async fn start() -> Server {
        // The port that UDP was given may be taken for TCP.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let zone: Arc<Mutex<Zone>> = Arc::default();
        let (for_udp, for_tcp) = (zone.clone(), zone.clone());
        let udp = Task::spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                let (read, from) = udp.recv_from(&mut buffer).await.unwrap();
                for answer in respond(&for_udp, &buffer[..read], false) {
                    udp.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let tcp = Task::spawn(async move {
            while let Ok((mut socket, _)) = tcp.accept().await {
                while let Ok(length) = socket.read_u16().await {
                    let mut query = vec![0; length.into()];
                    socket.read_exact(&mut query).await.unwrap();
                    for answer in respond(&for_tcp, &query, true) {
                        socket.write_u16(answer.len() as u16).await.unwrap();
                        socket.write_all(&answer).await.unwrap();
                    }
                }
            }
        });
        Server { address, zone, _tasks: Arc::new([udp, tcp]) }
    }

    pub fn set(&self, name: &str, kind: Rtype, line: Line) {
        self.zone.lock().unwrap().lines.insert((name.into(), kind), line);
    }

    /// `udp` or `tcp`, name and type of each question so far.
    pub fn asked(&self) -> Vec<String> {
        self.zone.lock().unwrap().asked.clone()
    }
}

/// The datagrams that answer a question.
fn respond(zone: &Mutex<Zone>, query: &[u8], over_tcp: bool) -> Vec<Vec<u8>> {
    let query = Message::from_slice(query).unwrap();
    let question = query.first_question().unwrap();
    let key = (question.qname().to_string(), question.qtype());
    let mut zone = zone.lock().unwrap();
    let over = if over_tcp { "tcp" } else { "udp" };
    zone.asked.push(format!("{over} {} {}", key.0, key.1));
    let line = zone.lines.get(&key).cloned();
    let records = |lines: &[&str]| {
        let mut answer = MessageBuilder::new_vec().start_answer(query, Rcode::NOERROR).unwrap();
        lines.iter().for_each(|line| push(&mut answer, &key.0, line));
        answer.finish()
    };
    let code = |code| MessageBuilder::new_vec().start_answer(query, code).unwrap().finish();
    match line {
        None => vec![code(Rcode::NXDOMAIN)],
        Some(Line::Code(rcode)) => vec![code(rcode)],
        Some(Line::Silent) => vec![],
        Some(Line::LostOnce(lines)) => {
            zone.lines.insert(key, Line::Records(lines));
            vec![]
        }
        Some(Line::Records(lines)) => vec![records(&lines)],
        Some(Line::Truncated(lines)) if over_tcp => vec![records(&lines)],
        Some(Line::Truncated(_)) => {
            let mut answer = MessageBuilder::new_vec().start_answer(query, Rcode::NOERROR).unwrap();
            answer.header_mut().set_tc(true);
            vec![answer.finish()]
        }
        Some(Line::Forged(lines)) => {
            let mut forged = records(&["A 60 6.6.6.6"]);
            forged[0] ^= 1;
            vec![forged, vec![1, 2, 3], records(&lines)]
        }
    }
}

fn push(answer: &mut AnswerBuilder<Vec<u8>>, asked: &str, line: &str) {
    let name = |text: &str| Name::<Vec<u8>>::from_str(text).unwrap();
    let mut words: Vec<&str> = line.split(' ').collect();
    let owner = if words[0].contains('.') { name(words.remove(0)) } else { name(asked) };
    let ttl = Ttl::from_secs(words[1].parse().unwrap());
    match words[0] {
        "A" => answer.push((owner, ttl, words[2].parse::<A>().unwrap())),
        "AAAA" => answer.push((owner, ttl, words[2].parse::<Aaaa>().unwrap())),
        "CNAME" => answer.push((owner, ttl, Cname::new(name(words[2])))),
        _ => {
            let number = |i: usize| words[i].parse().unwrap();
            answer.push((owner, ttl, Srv::new(number(2), number(3), number(4), name(words[5]))))
        }
    }
    .unwrap();
}
