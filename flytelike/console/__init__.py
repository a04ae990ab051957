"""The console: pages for people in front of the API. `web` holds their sources, `static` what is built of them."""
