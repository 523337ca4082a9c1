"""How the models' services refuse, by kind and protocol: status, error, headers."""
import time

FATAL = (
    "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be "
    "modified. These blocks must remain as they were in the original response."
)
# What each service says: status, its word for the kind, its sentence.
ANTHROPIC = {
    "limit": (429, "rate_limit_error", "This request would exceed your account's rate limit."),
    "weekly": (429, "rate_limit_error", "This request would exceed your account's rate limit."),
    "model-limit": (429, "rate_limit_error", "This request would exceed your account's rate limit."),
    "rate": (429, "rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute."),
    "overload": (529, "overloaded_error", "Overloaded"),
    "error": (500, "api_error", "Internal server error"),
    "login": (401, "authentication_error", "OAuth token has expired. Please obtain a new token or refresh your existing token."),
    "forbidden": (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "credit": (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."),
    "model": (404, "not_found_error", "model: stand-in"),
    "context": (400, "invalid_request_error", "prompt is too long: 214315 tokens > 200000 maximum"),
    "size": (413, "request_too_large", "Request exceeds the maximum size"),
    "fatal": (400, "invalid_request_error", FATAL),
}
OPENAI = {
    "limit": (429, "usage_limit_reached", "The usage limit has been reached"),
    "weekly": (429, "usage_limit_reached", "The usage limit has been reached"),
    "rate": (429, "rate_limit_exceeded", "Rate limit reached for gpt-5 in organization org-1 on requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 2s."),
    "overload": (503, "server_is_overloaded", "Our servers are currently overloaded. Please try again later."),
    "error": (500, "server_error", "The server had an error while processing your request. Sorry about that!"),
    "login": (401, "invalid_api_key", "Incorrect API key provided: sk-xxx."),
    "forbidden": (403, "unsupported_country_region_territory", "Country, region, or territory not supported"),
    "credit": (429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."),
    "model": (404, "model_not_found", "The model `stand-in` does not exist or you do not have access to it."),
    "context": (400, "context_length_exceeded", "Your input exceeds the context window of this model. Please adjust your input and try again."),
    "size": (413, "request_too_large", "Request body too large"),
    "fatal": (400, "invalid_request_error", FATAL),
}
METRIC = "generativelanguage.googleapis.com/generate_requests_per_model"
GEMINI = {
    "limit": (429, "RESOURCE_EXHAUSTED", f"You exceeded your current quota. Quota exceeded for metric: {METRIC}_per_day, limit: 100"),
    "rate": (429, "RESOURCE_EXHAUSTED", f"You exceeded your current quota. Quota exceeded for metric: {METRIC}, limit: 10"),
    "overload": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "error": (500, "INTERNAL", "An internal error has occurred."),
    "login": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "forbidden": (403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support."),
    "credit": (400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your country. Please enable billing on your project in Google AI Studio."),
    "model": (404, "NOT_FOUND", "models/stand-in is not found for API version v1beta, or is not supported for generateContent."),
    "context": (400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
    "size": (413, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
    "fatal": (400, "INVALID_ARGUMENT", FATAL),
}
# An answer that breaks off.
DROP = "drop"
# Those that end at a time that is named.
LIMITS = ("limit", "weekly", "model-limit")
MODES = {*ANTHROPIC, *OPENAI, *GEMINI}


def anthropic(mode, reset_at):
    status, kind, said = ANTHROPIC[mode]
    return status, {"type": "error", "error": {"type": kind, "message": said}}, windows(mode, int(reset_at))


def windows(mode, reset):
    """What a subscription's windows are told to be: the claim is who refuses."""
    if mode not in LIMITS:
        return ()
    claim = {"limit": "five_hour", "weekly": "seven_day", "model-limit": "seven_day_opus"}[mode]
    short, long = ("rejected", "allowed") if mode == "limit" else ("allowed", "rejected")
    unified = "anthropic-ratelimit-unified"
    return (
        (f"{unified}-status", "rejected"), (f"{unified}-reset", reset), (f"{unified}-representative-claim", claim),
        (f"{unified}-5h-status", short), (f"{unified}-5h-reset", reset), (f"{unified}-5h-utilization", "1.0" if mode == "limit" else "0.2"),
        (f"{unified}-7d-status", long), (f"{unified}-7d-reset", reset if mode != "limit" else reset + 500000),
        (f"{unified}-7d-utilization", "0.4" if mode == "limit" else "1.0"),
        (f"{unified}-overage-status", "rejected"), (f"{unified}-overage-disabled-reason", "org_level_disabled"),
        ("retry-after", max(1, reset - int(time.time()))),
    )


def openai(mode, reset_at):
    status, kind, said = OPENAI[mode]
    error = {"message": said, "type": kind, "param": None, "code": kind}
    if mode in LIMITS:
        left = max(1, int(reset_at - time.time()))
        error.update(plan_type="plus", resets_at=int(reset_at), resets_in_seconds=left)
    return status, {"error": error}, [("retry-after", 30)] if mode in LIMITS else ()


def gemini(mode, _):
    status, word, said = GEMINI[mode]
    details = []
    if status == 429:
        span, wait = ("Day", "3600s") if mode == "limit" else ("Minute", "2s")
        quota = {"quotaMetric": METRIC, "quotaId": f"GenerateRequestsPer{span}PerProjectPerModel"}
        details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [quota]},
                   {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": wait}]
    return status, {"error": {"code": status, "message": said, "status": word, "details": details}}, ()
