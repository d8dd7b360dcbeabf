//! How many requests a second a sandbox serves: `cargo bench -p waldur-sandbox`.
//!
//! Clients on kept connections take turns at what a provider's program does most: reading one order with
//! chosen fields, reading a page of ten whole orders, and setting a back-end id.

use std::sync::Arc;
use std::time::{Duration, Instant};

use waldur_sandbox::{Actor, Sandbox};

const CLIENTS: usize = 16;
const TIME: Duration = Duration::from_secs(5);
/// What it has to serve.
const WANTED: f64 = 2000.0;

async fn client(api: String, token: String, order: String, resource: String, until: Instant) -> [u64; 3] {
    let http = reqwest::Client::new();
    let mut counts = [0; 3];
    let mut number = 0;
    while Instant::now() < until {
        let kind = number % 3;
        number += 1;
        let request = match kind {
            0 => http.get(format!("{api}marketplace-orders/{order}/?field=uuid&field=state")),
            1 => http.get(format!("{api}marketplace-orders/?state=executing")),
            _ => http
                .post(format!("{api}marketplace-provider-resources/{resource}/set_backend_id/"))
                .json(&serde_json::json!({ "backend_id": format!("id-{number}") })),
        };
        let answer = request.header("Authorization", &token).send().await.and_then(|a| a.error_for_status());
        let Ok(answer) = answer else { continue };
        if answer.bytes().await.is_ok() {
            counts[kind] += 1;
        }
    }
    counts
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In builds of the whole workspace, reqwest has TLS without a crypto provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sandbox = Arc::new(Sandbox::builder().orders(200).start_blocking()?);
    let order = sandbox.orders()[0].uuid.simple().to_string();
    let resource = sandbox.ids().resources.ok.simple().to_string();
    let token = format!("Token {}", sandbox.token(Actor::Provider));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let start = Instant::now();
    let counts = runtime.block_on(async {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (order, resource) = (order.clone(), resource.clone());
                tokio::spawn(client(sandbox.url().to_owned(), token.clone(), order, resource, start + TIME))
            })
            .collect();
        let mut sum = [0; 3];
        for client in clients {
            let counts = client.await?;
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        Ok::<_, tokio::task::JoinError>(sum)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let total: u64 = counts.iter().sum();
    let rate = total as f64 / seconds;
    println!(
        "{rate:.0} requests/s in {seconds:.1} s on {CLIENTS} connections: {} single, {} pages of ten, {} writes",
        counts[0], counts[1], counts[2]
    );
    if rate < WANTED {
        return Err(format!("fewer than {WANTED} a second").into());
    }
    Ok(())
}
