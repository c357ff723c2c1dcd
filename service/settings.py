"""All settings of the service: read once from the environment (`SCREENING_…`), documented in the operator guide."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.connection_limits import ConnectionLimits


class Settings(BaseSettings):
    """Each field `name` is the environment variable `SCREENING_NAME`. Secrets never print themselves."""

    model_config = SettingsConfigDict(env_prefix="SCREENING_", extra="ignore", frozen=True)

    # where things stand
    home: Path = Field(Path("var"), description="Folder of the state: database, model registry, demonstration secrets.")
    database_url: str = Field("", description="SQLAlchemy URL; empty means SQLite in the home folder.")
    demo: bool = Field(False, description="Demonstration: makes a key, a reviewer and a pass key when there is none.")
    demo_key: SecretStr | None = Field(None, description="The API key that a script brings for the demonstration.")

    # passes
    pass_keys: SecretStr = Field(
        SecretStr(""), description="Signing keys `id:base64seed`, comma-separated; the first signs, all verify."
    )
    pass_minutes: int = Field(60, ge=1, le=10080, description="How long a pass is good for, in minutes.")
    pass_issuer: str = Field("draft-screening", description="The issuer written into each pass.")

    # text at rest
    text_keys: SecretStr = Field(
        SecretStr(""), description="Fernet keys for stored text, comma-separated; the first encrypts, all decrypt."
    )
    keep_text_days: int = Field(90, ge=0, description="`purge` removes the text of older screenings; 0 keeps it.")

    # what is taken in
    max_body_bytes: int = Field(1_000_000, ge=1000, description="Largest request body, in bytes.")
    max_batch_bytes: int = Field(8_000_000, ge=1000, description="Largest body of a batch, in bytes.")
    max_pending_bytes: int = Field(
        32_000_000, ge=1_000_000, description="Bytes of bodies that may wait inside; more get 503 with Retry-After."
    )
    max_pending: int = Field(512, ge=1, description="Requests that may wait inside; more get 503 with Retry-After.")
    rate_per_minute: int = Field(6000, ge=0, description="Screened drafts per key and minute; 0 sets no limit.")
    max_header_bytes: int = Field(32_768, ge=1024, le=1_000_000, description="Largest head of a request, in bytes.")
    max_headers: int = Field(100, ge=10, le=10_000, description="Most headers of a request.")
    max_connections: int = Field(
        800, ge=1, description="Connections per worker; over it the one that has idled longest is closed."
    )
    header_seconds: float = Field(10.0, gt=0, description="How long the head of a request may take, in seconds.")
    body_seconds: float = Field(30.0, gt=0, description="How long a body, or reading an answer, may take, in seconds.")
    idle_seconds: int = Field(5, ge=1, description="How long a connection may idle between requests, in seconds.")
    key_good_minutes: int = Field(
        60, ge=1, le=1440, description="How long a key that the store told of is good while the store tells nothing."
    )
    key_timeout_ms: int = Field(
        500, ge=10, le=10_000, description="Longest wait for the store to tell of a key again, in milliseconds."
    )
    time_budget_ms: int = Field(2000, ge=10, description="Time to judge one draft, in milliseconds.")
    encoder: Literal["on", "off"] = Field("on", description="Whether the encoder is asked in doubt.")

    # the reply clock
    business_country: str = Field("US", description="Country of the holiday calendar (ISO 3166).")
    business_region: str = Field("", description="State or province of the holiday calendar; empty for none.")
    business_zone: str = Field("America/Chicago", description="Time zone of the business day.")
    business_hours: str = Field("09:00-17:00", description="Opening hours of a business day, local time.")

    # orders
    order_source: Literal["none", "table", "commerce_interface"] = Field("none", description="Where orders are known.")
    commerce_url: str = Field(
        "https://scm.commerceinterface.com/api/v4/", description="CommerceInterface's address, with its version."
    )
    commerce_supplier_id: SecretStr = Field(SecretStr(""), description="Supplier ID for CommerceInterface.")
    commerce_token: SecretStr = Field(SecretStr(""), description="Token for CommerceInterface.")
    commerce_days: int = Field(7, ge=1, le=90, description="How many days of orders are followed there.")
    order_timeout_ms: int = Field(300, ge=10, description="Longest wait for an order's state, in milliseconds.")

    # webhooks
    webhook_url: str = Field("", description="Where decided appeals are announced; empty sends none.")
    webhook_secret: SecretStr = Field(SecretStr(""), description="Key of the webhooks' HMAC-SHA256 signature.")

    # review
    second_review_share: float = Field(0.1, ge=0, le=1, description="Share of cases that a second reviewer sees blind.")
    lock_seconds: int = Field(300, ge=5, le=3600, description="How long a reviewer's claim on a case lasts, unrenewed.")
    session_hours: int = Field(10, ge=1, le=168, description="How long a reviewer stays signed in.")
    session_idle_minutes: int = Field(
        60, ge=1, le=10_080, description="How long a reviewer stays signed in without doing anything."
    )
    password_sign_in: Literal["on", "off"] = Field(
        "on", description="Whether the desk takes passwords; `off` needs OpenID Connect."
    )
    oidc_issuer: str = Field("", description="OpenID Connect provider of the desk (extra `oidc`); empty for none.")
    oidc_client_id: str = Field("", description="The desk's client ID there.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Its secret; empty for a public client.")
    oidc_scopes: str = Field("openid profile email", description="What is asked for there.")
    oidc_name_claim: str = Field("preferred_username", description="The claim with a person's name at the desk.")
    oidc_role_claim: str = Field("groups", description="The claim with a person's roles; dots lead into objects.")
    oidc_roles: str = Field(
        "", description="What its values mean: `their-group=lead,other=reviewer`; empty where they are our roles."
    )
    oidc_redirect_url: str = Field(
        "", description="Where the provider sends people back; empty for the address that they see."
    )

    # how it runs
    workers: int = Field(1, ge=1, le=64, description="Worker processes.")
    details_for: Literal["keys", "loopback", "all"] = Field(
        "loopback",
        description="Who sees `/metrics` and all of `/policy` and `/readyz`: a key, also this machine, or all.",
    )
    policy_url: str = Field("/policy", description="Address of the policy that findings name a section of.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    otel_endpoint: str = Field("", description="OTLP/HTTP address for traces (extra `otel`); empty sends none.")
    model_check_seconds: float = Field(5.0, gt=0, description="How often a newly promoted model is looked for.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.webhook_url and not self.webhook_secret.get_secret_value():
            raise ValueError("SCREENING_WEBHOOK_SECRET is needed where SCREENING_WEBHOOK_URL is set")
        if self.order_source == "commerce_interface" and not self.commerce_token.get_secret_value():
            raise ValueError("SCREENING_COMMERCE_TOKEN is needed where the order source is commerce_interface")
        if self.oidc_issuer:
            parsed = urlsplit(self.oidc_issuer)
            if parsed.scheme != "https" and parsed.hostname not in ("127.0.0.1", "::1", "localhost"):
                raise ValueError("SCREENING_OIDC_ISSUER is an https address")
            if not self.oidc_client_id:
                raise ValueError("SCREENING_OIDC_CLIENT_ID is needed where SCREENING_OIDC_ISSUER is set")
        elif self.password_sign_in == "off":
            raise ValueError("SCREENING_OIDC_ISSUER is needed where SCREENING_PASSWORD_SIGN_IN is off")
        return self

    def connection_limits(self) -> ConnectionLimits:
        """What a worker grants its connections."""
        return ConnectionLimits(
            self.max_header_bytes, self.max_headers, self.header_seconds, self.body_seconds, self.max_connections
        )

    def database(self) -> str:
        """The URL of the database that is meant."""
        return self.database_url or f"sqlite:///{self.home / 'screening.db'}"
