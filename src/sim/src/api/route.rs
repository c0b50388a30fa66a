//! Paths and the methods they allow.

use super::generation::Endpoint;
use crate::http::Method;

/// What a path and a method mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Generation(Endpoint),
    Pull,
    Tags,
    Version,
    Ps,
    Root,
    Health,
    Models,
    Metrics,
    Truth,
    ResetTruth,
    /// No such path.
    Unknown,
    /// The path allows only these methods.
    WrongMethod {
        allowed: &'static str,
    },
}

const POST: &[Method] = &[Method::Post];
const GET: &[Method] = &[Method::Get];
const GET_HEAD: &[Method] = &[Method::Get, Method::Head];

/// Finds the route of a request.
pub(crate) fn route(method: Method, path: &str) -> Route {
    let (route, methods) = match path {
        "/v1/chat/completions" => (Route::Generation(Endpoint::Chat), POST),
        "/v1/completions" => (Route::Generation(Endpoint::Completions), POST),
        "/api/generate" => (Route::Generation(Endpoint::OllamaGenerate), POST),
        "/api/chat" => (Route::Generation(Endpoint::OllamaChat), POST),
        "/api/pull" => (Route::Pull, POST),
        "/api/tags" => (Route::Tags, GET),
        "/api/version" => (Route::Version, GET),
        "/api/ps" => (Route::Ps, GET),
        "/" => (Route::Root, GET_HEAD),
        "/health" => (Route::Health, GET_HEAD),
        "/v1/models" => (Route::Models, GET),
        "/metrics" => (Route::Metrics, GET),
        "/truth/reset" => (Route::ResetTruth, POST),
        "/truth" => {
            return match method {
                Method::Get => Route::Truth,
                Method::Delete => Route::ResetTruth,
                _ => Route::WrongMethod {
                    allowed: "GET, DELETE",
                },
            };
        }
        _ => return Route::Unknown,
    };
    if methods.contains(&method) {
        return route;
    }
    let allowed = match methods {
        [Method::Post] => "POST",
        [Method::Get] => "GET",
        _ => "GET, HEAD",
    };
    Route::WrongMethod { allowed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods() {
        for endpoint in [
            Endpoint::Chat,
            Endpoint::Completions,
            Endpoint::OllamaGenerate,
            Endpoint::OllamaChat,
        ] {
            assert_eq!(route(Method::Post, endpoint.path()), Route::Generation(endpoint));
            assert_eq!(
                route(Method::Get, endpoint.path()),
                Route::WrongMethod { allowed: "POST" }
            );
        }
        assert_eq!(route(Method::Head, "/health"), Route::Health);
        assert_eq!(
            route(Method::Other, "/health"),
            Route::WrongMethod { allowed: "GET, HEAD" }
        );
        assert_eq!(route(Method::Delete, "/truth"), Route::ResetTruth);
        assert_eq!(route(Method::Post, "/truth/reset"), Route::ResetTruth);
        assert_eq!(
            route(Method::Post, "/truth"),
            Route::WrongMethod {
                allowed: "GET, DELETE"
            }
        );
        assert_eq!(route(Method::Get, "/health/"), Route::Unknown);
    }
}
