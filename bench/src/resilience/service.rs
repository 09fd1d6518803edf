//! What is asked for: a page of the shop, and one time in ten an order, which is what the shop must not lose.

/// One request in this many is critical.
const CRITICAL_ONE_IN: u64 = 10;

/// A request of the service, the same through every proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// An item: most of the load.
    Normal,
    /// An order: CRITICAL in the contract, more important by its path in the configurations of the peers.
    Critical,
}

impl Request {
    /// The request of the call with this number.
    pub fn of(number: u64) -> Request {
        if number.is_multiple_of(CRITICAL_ONE_IN) { Request::Critical } else { Request::Normal }
    }

    /// The whole HTTP/1.1 request.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Request::Normal => {
                b"GET /v1/shop/items/item-1 HTTP/1.1\r\nhost: bench.example\r\nuser-agent: tenet-bench\r\naccept: application/json\r\n\r\n"
            }
            Request::Critical => {
                b"GET /v1/shop/orders/item-1 HTTP/1.1\r\nhost: bench.example\r\nuser-agent: tenet-bench\r\naccept: application/json\r\n\r\n"
            }
        }
    }
}
