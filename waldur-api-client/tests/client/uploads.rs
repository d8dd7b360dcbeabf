//! Files are sent as they are read.
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use uuid::Uuid;
use waldur_api_client::{Client, Multipart};

/// Answers one request with 200, and gives its head, the beginning of its body, and the length of that.
async fn one_request(listener: TcpListener) -> (String, Vec<u8>, usize) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (mut head, mut kept, mut length) = (Vec::new(), Vec::new(), 0);
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let expected: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut chunk = vec![0; 64 * 1024];
    while length < expected {
        let read = stream.read(&mut chunk).await.unwrap();
        length += read;
        if kept.len() < 4096 {
            kept.extend_from_slice(&chunk[..read]);
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    (head, kept, length)
}

async fn upload(body: Multipart) -> (String, String, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder().url(&url).token("0123").no_proxy().build().unwrap();
    let call = client.marketplace_orders_set_provider_info().uuid(Uuid::from_u128(1)).upload(body);
    let (sent, (head, body, length)) = tokio::join!(call, one_request(listener));
    sent.unwrap();
    (head, String::from_utf8_lossy(&body).into_owned(), length)
}

#[tokio::test]
async fn fields_and_files_are_parts() {
    let file = tempfile::Builder::new().suffix(".txt").tempfile().unwrap();
    std::fs::write(file.path(), "what the file holds").unwrap();
    let fields = json!({"text": "x", "number": 1.5, "none": null, "list": ["a", "b"], "object": {"k": [1]}});
    let body = Multipart::new().fields(&fields).unwrap().file("attachment", file.path()).await.unwrap();
    let (head, body, _) = upload(body).await;
    assert!(
        head.starts_with("post /api/marketplace-orders/00000000000000000000000000000001/set_provider_info/")
    );
    assert!(head.contains("content-type: multipart/form-data; boundary="), "{head}");
    for part in [
        "name=\"text\"\r\n\r\nx\r\n",
        "name=\"number\"\r\n\r\n1.5\r\n",
        "name=\"none\"\r\n\r\n\r\n",
        "name=\"list\"\r\n\r\na\r\n",
        "name=\"list\"\r\n\r\nb\r\n",
        "name=\"object\"\r\n\r\n{\"k\":[1]}\r\n",
        "\r\n\r\nwhat the file holds\r\n",
        "Content-Type: text/plain",
    ] {
        assert!(body.contains(part), "{part}\nin\n{body}");
    }
    assert!(body.contains(file.path().file_name().unwrap().to_str().unwrap()));
    assert!(Multipart::new().fields(&[1]).is_err());
    assert!(Multipart::new().file("attachment", "no/such/file").await.is_err());
}

/// The most memory that this process ever had, in kilobytes.
#[cfg(target_os = "linux")]
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_large_file_is_never_in_memory() {
    const SIZE: usize = 256 * 1024 * 1024;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(SIZE as u64).unwrap();
    let before = peak();
    let body = Multipart::new().file("attachment", file.path()).await.unwrap();
    let (_, _, length) = upload(body).await;
    assert!(length > SIZE);
    let grown = peak() - before;
    assert!(grown < 32 * 1024, "{grown} kB more for a file of 256 MiB");
}
