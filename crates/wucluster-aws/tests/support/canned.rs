//! A server on this machine that answers as it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The parameters of a request, by name.
pub type Asked = BTreeMap<String, String>;

/// What is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status with a body.
    Say(u16, String),
    /// Nothing: the connection is closed.
    Silence,
}

/// Makes a refusal as EC2 does.
pub fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::Say(
        status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>req-1</RequestID></Response>"
        ),
    )
}

/// Makes a good answer of a request, with what stands in it.
pub fn answer(request: &str, inner: &str) -> Answer {
    Answer::Say(
        200,
        format!(
            "<{request}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>req-1</requestId>\
             {inner}</{request}Response>"
        ),
    )
}

/// Makes an answer that lists nothing.
pub fn nothing(request: &str) -> Answer {
    answer(request, "")
}

/// The server; it ends when dropped.
pub struct Canned {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Canned {
    /// Begins a server that answers by `tell`, which is told how many requests came before.
    pub async fn begin(tell: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let tell = Arc::new(tell);
        let known = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tell, known) = (Arc::clone(&tell), Arc::clone(&known));
                tokio::spawn(async move {
                    // A client that goes away is its own affair.
                    let _ = serve(stream, &*tell, &known).await;
                });
            }
        });
        Self { url, asked, serving }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns all that was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the names of what was asked.
    pub fn names(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked["Action"].clone()).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    tell: &(impl Fn(usize, &Asked) -> Answer + ?Sized),
    known: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let target =
        head.lines().find_map(|line| line.strip_prefix("x-amz-target: ").map(str::to_owned));
    let mut asked: Asked = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (plain(key), plain(value)))
        .collect();
    // Some services name the request in the head, and write the rest as JSON.
    if let Some((_, name)) = target.as_deref().and_then(|target| target.split_once('.')) {
        asked = Asked::from([("Action".to_owned(), name.to_owned()), ("Json".to_owned(), body)]);
    }
    let before = {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(asked.clone());
        known.len() - 1
    };
    if let Answer::Say(status, body) = tell(before, &asked) {
        let head = format!(
            "HTTP/1.1 {status} X\r\nx-amzn-requestid: req-1\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}

/// Undoes the writing of a form.
fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8(digits).unwrap();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
