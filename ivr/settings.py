"""All settings, from the environment or a `.env` file. `.env.example` lists them; a test keeps the two in step."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Names here are lower case; the environment's are upper case (`SIP_PORT`)."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    # Where things are
    flows_dir: Path = Field(Path("flows"), description="the folder of flow files")
    prompts_dir: Path = Field(Path("prompts"), description="the folder of prompt texts and recordings")
    data_dir: Path = Field(Path("var"), description="where the embedded database, recordings and rendered audio go")
    database_url: str = Field("", description="sqlite:///FILE or postgresql://USER@HOST/NAME; empty: SQLite")
    redis_url: str = Field("", description="redis://HOST:PORT/0; empty: a private server is started")

    # Web
    host: str = Field("127.0.0.1", description="the address that the web server listens on")
    port: int = Field(8080, ge=0, le=65535, description="the web server's port")
    public_base_url: str = Field("", description="how the internet reaches the web server: https://voice.example.com")
    web_workers: int = Field(1, ge=1, le=64, description="web processes")
    web_threads: int = Field(32, ge=2, le=512, description="requests at once in each web process")

    # Live pages and chat
    live_port: int = Field(8081, ge=0, le=65535, description="the port for WebSockets, on HOST")
    live_url: str = Field("", description="how browsers reach it: wss://voice.example.com/live; empty: PUBLIC_BASE_URL")
    live_connections: int = Field(5000, ge=1, description="WebSockets at once; further ones get 503")
    session_key: str = Field(
        "", description="base64 key of 32 bytes that signs and seals; empty: one is kept in DATA_DIR"
    )
    proxies: int = Field(0, ge=0, le=9, description="number of proxies in front whose X-Forwarded-For is trusted")
    chat_origins: str = Field("", description="sites that have the chat, separated by commas: https://www.example.com")
    chat_token_key: str = Field("", description="checks your own login's tokens: a secret, or a PEM file's path")

    # The desk
    desk_idle_minutes: float = Field(120, gt=0, description="users who do nothing for so long are signed out")
    desk_session_hours: float = Field(12, gt=0, description="everybody has to sign in again after so long")
    oidc_issuer: str = Field("", description="single sign-on: an OpenID Connect issuer, https://login.example.com")
    oidc_client_id: str = Field(
        "", description="our name there; its redirect address: PUBLIC_BASE_URL/desk/oidc/return"
    )
    oidc_client_secret: str = Field("", description="our secret there")
    oidc_name: str = Field("single sign-on", description="what its button says: Sign in with ...")

    # SIP
    sip_host: str = Field("127.0.0.1", description="the address that SIP and RTP listen on")
    sip_port: int = Field(5060, ge=0, le=65535, description="the SIP port, UDP and TCP")
    sip_public_host: str = Field("", description="the address to give to phones, if it is a different one (NAT)")
    sip_allow: str = Field("127.0.0.0/8,::1/128", description="networks whose calls are answered, separated by commas")
    sip_users: str = Field("", description="who may call from elsewhere, with a password: user:password,user:password")
    sip_register: str = Field(
        "", description="accounts to register, separated by commas: user:password@registrar.example.com"
    )
    sip_max_calls: int = Field(500, ge=1, description="calls at once; further ones get 503 with Retry-After")
    sip_calls_per_second: float = Field(
        40, ge=0, description="new calls per second; further ones get 503 with Retry-After; 0: no limit"
    )
    sip_rtp_ports: str = Field("", description="RTP port range, such as 10000-20000; empty: any free port")
    sip_drain_seconds: float = Field(120, ge=0, description="how long calls in progress may go on after SIGTERM")
    sip_tls_cert: str = Field("", description="certificate file for SIP over TLS; empty: no TLS")
    sip_tls_key: str = Field("", description="its key file")
    sip_tls_port: int = Field(5061, ge=0, le=65535, description="the port for SIP over TLS")
    sip_srtp: str = Field(
        "optional", description="encrypted sound: off, optional, required; for some: optional,203.0.113.0/24=required"
    )
    sip_srtp_without_tls: bool = Field(
        False,
        description="its keys over UDP and TCP too, for whoever listens there to read: behind a proxy that has TLS",
    )

    # Browser telephones
    ice_servers: str = Field("", description="STUN and TURN: stun:HOST:PORT,turn:USER:PASSWORD@HOST:PORT")

    # Speech
    speech_workers: int = Field(
        -1, ge=-1, le=64, description="processes that recognise speech; -1: two, or one on one core; 0: keys only"
    )

    # Twilio
    twilio_account_sid: str = Field("", description="Twilio account, AC...")
    twilio_auth_token: str = Field("", description="its auth token, which proves that requests come from Twilio")
    twilio_from: str = Field("", description="the number that texts are sent from")
    twilio_whatsapp_from: str = Field("", description="the WhatsApp number that messages are sent from")
    twilio_messenger_from: str = Field("", description="the Facebook page's id that messages are sent from")
    twilio_voices: str = Field("", description="voices for <Say>, as en=Polly.Joanna-Neural,es=Polly.Mia-Neural")
    twilio_speech: bool = Field(False, description="true: callers may speak wherever words are taken (Twilio charges)")
    twilio_sip_host: str = Field(
        "", description="where Twilio reaches `callwright sip`: sip.example.com, or HOST:5061;transport=tls"
    )
    twilio_sip_user: str = Field(
        "", description="the user of SIP_USERS that Twilio signs in as; empty: SIP_ALLOW lets it in"
    )
    twilio_api_base: str = Field("https://api.twilio.com", description="a different address for Twilio's API (tests)")

    # Texts through another provider (docs/messages.md)
    sms_http_url: str = Field("", description="where texts are POSTed; empty: they go through Twilio")
    sms_http_token: str = Field("", description="its bearer token")
    sms_http_secret: str = Field("", description="base64 key that signs what we post, and what is posted to us")
    sms_http_from: str = Field("", description="the number that texts are sent from")

    # Money
    payment_gateway: str = Field("sandbox", description="sandbox or stripe")
    stripe_api_key: str = Field("", description="Stripe secret key, sk_...")
    stripe_api_base: str = Field("", description="a different address for Stripe's API (tests)")
    stripe_moto: bool = Field(False, description="true if Stripe has enabled mail and telephone orders for you")
    bill_source: str = Field("", description="database or http; empty: http where BILLING_URL is set")
    billing_url: str = Field("", description="a billing system's REST address; empty: bills in our database")
    billing_token: str = Field("", description="its bearer token")

    # Mail
    smtp_url: str = Field("", description="smtp://user:password@mail.example.com:587; empty: email is parked")
    mail_from: str = Field("", description="the sender of our email")
    mail_addresses: str = Field("", description="our addresses: support@example.com, @example.org; empty: MAIL_FROM")
    mail_plus_address: bool = Field(True, description="replies go to support+ID@...; false if those don't arrive")
    mail_in: bool = Field(True, description="receive email by SMTP on MAIL_IN_HOST and MAIL_IN_PORT")
    mail_in_host: str = Field("127.0.0.1", description="the address that SMTP listens on")
    mail_in_port: int = Field(2525, ge=0, le=65535, description="its port")
    mail_in_connections: int = Field(20, ge=1, le=10_000, description="connections at once; further ones get 421")
    mail_max_bytes: int = Field(25_000_000, ge=10_000, description="the largest email accepted")
    mail_answers_per_hour: int = Field(
        20, ge=1, description="a flow's answers to one sender; more are taken for a loop"
    )
    lmtp_socket: str = Field("", description="receive email by LMTP on this Unix socket too")
    imap_url: str = Field("", description="fetch email: imaps://user:password@imap.example.com/INBOX")
    imap_done: str = Field("", description="the folder that fetched email is moved to; empty: it is marked as read")
    imap_seconds: float = Field(60, ge=1, description="how often to look there, if the server doesn't notify us")

    # When all else fails
    fallback_number: str = Field("", description="a number or SIP address for callers while we can't serve them")
    seal_key: str = Field(
        "", description="base64 key of 32 bytes that seals secret answers; empty: a new one at each start"
    )
    session_hours: float = Field(4, gt=0, description="a call in which nothing happens for so long counts as lost")
    log_format: str = Field("auto", description="json or console; auto: console on a terminal")

    @classmethod
    def defaults(cls, **given: Any) -> Settings:
        """The defaults, and what is given as it is, whatever the environment and `.env` say: for rehearsals."""
        return cls.model_construct(**given)

    @cached_property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'callwright.db').absolute()}"

    @cached_property
    def base_url(self) -> str:
        return (self.public_base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @cached_property
    def live_base_url(self) -> str:
        """Where browsers find the live process: a WebSocket URL without a path's end."""
        if self.live_url:
            return self.live_url.rstrip("/")
        if self.public_base_url:
            return "ws" + self.base_url.removeprefix("http") + "/live"
        return f"ws://{self.host}:{self.live_port}"

    @property
    def recognisers(self) -> int:
        """Processes that recognise speech, the default filled in."""
        return self.speech_workers if self.speech_workers >= 0 else min(2, os.cpu_count() or 1)

    @property
    def recordings_dir(self) -> Path:
        return self.data_dir / "recordings"

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def audio_dir(self) -> Path:
        return self.data_dir / "audio"
