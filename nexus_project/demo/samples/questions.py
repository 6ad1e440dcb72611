"""What people ask, and the models they ask."""

from nexus_project.demo.samples.sender import Json

OPUS, SONNET, HAIKU, FABLE = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2"
MODELS = (SONNET, SONNET, OPUS, OPUS, HAIKU, FABLE, "claude-opus-5")

QUESTIONS = (
    "The invoice test is flaky on CI and passes at home. Where would you look first?",
    "Why is this query slow? It filters on account and sorts by date.",
    "Write a retry for our webhook client that does not flood the server.",
    "The table on the ledger page jumps when I turn the page. What causes that?",
    "How would you refactor a module that reads, checks and reports in one function?",
    "Draft a short release note for the new export button.",
    "Which HTTP status fits a request that was valid but came too late?",
    "Is it safe to rename a database column while the old version still runs?",
    "Summarize the trade-offs between a queue and a cron job for nightly reports.",
    "Explain the difference between a lock and a lease to a new colleague.",
)

ASSISTANT = [{"type": "text", "text": "You help the developers of a web shop. Answer in a few sentences."}]
GUIDE = [{"type": "text", "text": "Prefer the standard library. Name the file you would change."}]

WEATHER: Json = {
    "name": "get_weather",
    "description": "Return the current weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    },
}
STOCK: Json = {
    "name": "get_stock",
    "description": "Return how many pieces of an article are in the warehouse.",
    "input_schema": {
        "type": "object",
        "properties": {"article": {"type": "integer"}},
        "required": ["article"],
    },
}


def request(text: str, model: str = SONNET, **more: object) -> Json:
    """Return the body of a question with two system blocks, as an application sends it."""
    return {
        "model": model,
        "max_tokens": 1024,
        "system": [*ASSISTANT, *GUIDE],
        "messages": [{"role": "user", "content": text}],
        **more,
    }
