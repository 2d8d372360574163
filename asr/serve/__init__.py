"""HTTP service: transcripts in the shape of OpenAI's API, and a web page."""
