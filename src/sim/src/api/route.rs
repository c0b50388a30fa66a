//! Paths and the methods they allow.

use super::generation::Endpoint;
use crate::http::Method;

/// What a path and a method mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Tokens are wanted: that takes its time.
    Generation(Endpoint),
    /// Everything else is answered at once.
    Page(Page),
}

/// What is answered at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
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
        "/api/pull" => (Route::Page(Page::Pull), POST),
        "/api/tags" => (Route::Page(Page::Tags), GET),
        "/api/version" => (Route::Page(Page::Version), GET),
        "/api/ps" => (Route::Page(Page::Ps), GET),
        "/" => (Route::Page(Page::Root), GET_HEAD),
        "/health" => (Route::Page(Page::Health), GET_HEAD),
        "/v1/models" => (Route::Page(Page::Models), GET),
        "/metrics" => (Route::Page(Page::Metrics), GET),
        "/truth/reset" => (Route::Page(Page::ResetTruth), POST),
        "/truth" => {
            return Route::Page(match method {
                Method::Get => Page::Truth,
                Method::Delete => Page::ResetTruth,
                _ => Page::WrongMethod {
                    allowed: "GET, DELETE",
                },
            });
        }
        _ => return Route::Page(Page::Unknown),
    };
    if methods.contains(&method) {
        return route;
    }
    let allowed = match methods {
        [Method::Post] => "POST",
        [Method::Get] => "GET",
        _ => "GET, HEAD",
    };
    Route::Page(Page::WrongMethod { allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(allowed: &'static str) -> Route {
        Route::Page(Page::WrongMethod { allowed })
    }

    #[test]
    fn paths_and_methods() {
        for endpoint in [
            Endpoint::Chat,
            Endpoint::Completions,
            Endpoint::OllamaGenerate,
            Endpoint::OllamaChat,
        ] {
            assert_eq!(route(Method::Post, endpoint.path()), Route::Generation(endpoint));
            assert_eq!(route(Method::Get, endpoint.path()), wrong("POST"));
        }
        assert_eq!(route(Method::Head, "/health"), Route::Page(Page::Health));
        assert_eq!(route(Method::Other, "/health"), wrong("GET, HEAD"));
        assert_eq!(route(Method::Delete, "/truth"), Route::Page(Page::ResetTruth));
        assert_eq!(route(Method::Post, "/truth/reset"), Route::Page(Page::ResetTruth));
        assert_eq!(route(Method::Post, "/truth"), wrong("GET, DELETE"));
        assert_eq!(route(Method::Get, "/health/"), Route::Page(Page::Unknown));
    }
}
