//! A way to Redis that can be made to swallow what is sent, or what is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Way {
    pub address: SocketAddr,
    questions: Arc<AtomicBool>,
    answers: Arc<AtomicBool>,
}

impl Way {
    pub async fn to(redis: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (questions, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (out, back) = (Arc::clone(&questions), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(redis).await.unwrap();
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                tokio::spawn(carry(near_in, far_out, Arc::clone(&out)));
                tokio::spawn(carry(far_in, near_out, Arc::clone(&back)));
            }
        });
        Self {
            address,
            questions,
            answers,
        }
    }

    /// Nothing arrives, either way.
    pub fn swallow(&self, swallow: bool) {
        self.questions.store(swallow, Ordering::Relaxed);
        self.swallow_answers(swallow);
    }

    /// What is asked is done, and nobody is told.
    pub fn swallow_answers(&self, swallow: bool) {
        self.answers.store(swallow, Ordering::Relaxed);
    }
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    swallows: Arc<AtomicBool>,
) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !swallows.load(Ordering::Relaxed) && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
