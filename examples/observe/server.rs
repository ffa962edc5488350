//! The pages, by hyper on one thread. Reading the statistics never waits for a job, so no connection waits for another.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use smol::future::FutureExt;
use tokio::net::{TcpListener, TcpStream};

use crate::pools::Pools;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until `until` is ready. Returns when the last connection has ended.
pub(crate) async fn serve(listener: TcpListener, pools: Arc<Pools>, until: impl Future<Output = Option<()>>) {
    let connections = GracefulShutdown::new();
    let accept = async {
        loop {
            // One client that has gone already, or a shortage of descriptors: the others are none the worse.
            let Ok((stream, _)) = listener.accept().await else { continue };
            connect(stream, &connections, pools.clone());
        }
    };
    until.or(accept).await;
    drop(listener);
    connections.shutdown().await;
}

fn connect(stream: TcpStream, connections: &GracefulShutdown, pools: Arc<Pools>) {
    let service = service_fn(move |request| answer(request, pools.clone()));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // It ends with an error if its client leaves in the middle, which is no fault of the server.
    tokio::spawn(connections.watch(connection));
}

async fn answer(request: Request<Incoming>, pools: Arc<Pools>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => (StatusCode::OK, "text/html; charset=utf-8", include_str!("page.html").to_owned()),
        (&Method::GET, "/stats.json") => (StatusCode::OK, "application/json", pools.stats().to_string()),
        (&Method::GET, "/metrics") => (StatusCode::OK, PROMETHEUS, pools.metrics()),
        (&Method::GET, "/dump") => match pools.dump().await {
            Ok(text) => (StatusCode::OK, TEXT, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.to_string()),
        },
        (&Method::GET, _) => (StatusCode::NOT_FOUND, TEXT, "no such page\n".to_owned()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".to_owned()),
    };
    let response = Response::builder().status(status).header(CONTENT_TYPE, kind).header(CACHE_CONTROL, "no-store");
    let response = if status == StatusCode::METHOD_NOT_ALLOWED { response.header(ALLOW, "GET") } else { response };
    Ok(response.body(Full::from(body)).expect("the headers are valid"))
}
