//! Webhooks over real sockets, byte for byte: what is sent, what is answered, what is stored.

mod answers;
mod certificates;
mod guards;
mod hostile;
mod house;
#[cfg(unix)]
mod listeners;
mod patience;
mod records;
mod sequences;
mod tls;
