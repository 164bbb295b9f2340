// SPDX-License-Identifier: Apache-2.0
// A request from a method: stacks PORT
use std::io::{Read, Write};
use std::net::TcpStream;

mod stock {
    use super::*;

    pub struct Client;

    impl Client {
        #[inline(never)]
        pub fn fetch(&self, port: u16) -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            let mut answer = Vec::new();

            stream.write_all(b"GET /rust HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")?;
            stream.read_to_end(&mut answer)?;
            Ok(answer)
        }
    }
}

fn main() {
    let port = std::env::args().nth(1).unwrap().parse().unwrap();

    stock::Client.fetch(port).unwrap();
}
