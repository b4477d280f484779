use pitaya::remote;

pub struct Board;

pub trait Local {
    fn best(&self);
}

#[remote]
impl Local for Board {
    fn best(&self) {}
}

fn main() {}
