"""`conformance`: the contract, line by line, against any deployment."""

import json
from dataclasses import asdict
from typing import Annotated

import httpx
import typer

from service.conformance.deployment import Deployment
from service.conformance.report import LineResult, check_lines

app = typer.Typer()


@app.command()
def conformance(
    url: Annotated[str, typer.Argument(help="Where the service is, such as https://screening.example.com.")],
    key: Annotated[str, typer.Option(envvar="SCREENING_KEY", help="A key with the right to screen.")],
    limited_key: Annotated[
        str, typer.Option(envvar="SCREENING_LIMITED_KEY", help="A key without that right, for the 403.")
    ] = "",
    sends: Annotated[bool, typer.Option(help="Also what stores screenings, as merchant `conformance`.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds for each request.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object, line by line.")] = False,
) -> None:
    """Check every line of the contract against a deployment; ends with 1 where one does not hold, with 2 where nothing
    answers. Stores some screenings and opens cases at the desk, unless --no-sends."""
    headers = {"authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout) as client:
            client.get("/healthz")
            results = list(check_lines(Deployment(client, sends, limited_key)))
    except (httpx.TransportError, httpx.InvalidURL, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__  # such as a certificate that nobody vouches for
        typer.echo(f"{url}: nothing answers ({reason}). Is this the service's address?", err=True)
        raise typer.Exit(2) from None
    _say(url, results, as_json=as_json)
    if any(result.state == "broken" for result in results):
        raise typer.Exit(1)


def _say(url: str, results: list[LineResult], *, as_json: bool) -> None:
    broken = [result for result in results if result.state == "broken"]
    open_lines = [result for result in results if result.state == "not checked"]
    if as_json:
        lines = [asdict(result) for result in results]
        typer.echo(json.dumps({"url": url, "conforms": not broken, "lines": lines}, ensure_ascii=False))
        return
    for result in broken:
        typer.echo(f"DOES NOT HOLD  {result.id}: {result.line}\n               {result.detail}")
    for result in open_lines:
        typer.echo(f"not checked    {result.id}: {result.detail}")
    typer.echo(f"{len(results) - len(broken) - len(open_lines)} lines hold, {len(broken)} do not,"
               f" {len(open_lines)} were not checked.")  # fmt: skip
