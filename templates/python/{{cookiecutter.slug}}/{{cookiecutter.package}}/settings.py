# Yours and msforge's: add settings of your own; `msforge sync` merges its changes.
"""What differs from place to place: environment variables that begin with `{{ cookiecutter._prefix }}`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one replica."""

    model_config = SettingsConfigDict(env_prefix="{{ cookiecutter._prefix }}")

    host: str = "127.0.0.1"
    """Where it listens. Only this machine can reach the default."""
    port: int = {{ cookiecutter._port }}
{% if cookiecutter._service.rpc_methods %}
    grpc_port: int = 0
    """Where it listens for gRPC; 0: not at all."""
{% endif %}
    services: dict[str, list[str]] = Field(default_factory=dict)
    """URLs of the replicas of each called service; or `dns://host:port`, whose addresses are its replicas, or
    `consul://name`, whose instances Consul knows."""
{% if cookiecutter._service.rpc_calls %}
    grpc_addresses: dict[str, str] = Field(default_factory=dict)
    """By such a URL, where the same replica takes gRPC, e.g. 127.0.0.1:9001; `*`: the port of all others, e.g. :9000.
    Those that are missing are called over HTTP."""
{% endif %}
    consul_url: str = ""
    """Where Consul's agent answers, `http://host:8500`; by default there is none."""
    advertised_url: str = ""
    """Where others reach this replica. With Consul, it registers itself so."""
    parts_url: str | None = None
    """Where channels and stores are served that several processes share; by default they are inside this one."""
    rabbitmq_url: str = Field("", repr=False)
    """Where its queues are (amqp://user:password@host/); by default with the other channels."""
    postgres_url: str = Field("", repr=False)
    """Its database (postgresql://user:password@host/database); by default a file in `data_dir`."""
    redis_url: str = Field("", repr=False)
    """Where its caches are (redis://:password@host/0); by default with the other stores."""
    kafka_url: str = Field("", repr=False)
    """Where its topics are (kafka://user:password@host:9092/prefix); by default with the other channels."""
    data_dir: str = ""
    """Where its own data lies; by default in memory."""
    log_file: str = ""
    """Where JSON log lines go; by default to standard error."""
    outcome_file: str = ""
    """Where every request's outcome and times go, as JSON lines; by default nowhere."""
    watch_stdin: bool = False
    """Leave when standard input ends: whoever started this process is gone."""
    held: bool = False
    """Whether its consumers wait for `PUT /_msforge/release`: whoever started this process has yet to tell it things."""

    ordinal: int = 0
    """Which of the service's replicas this is."""
    number: int = 0
    """Which of the system's replicas this is."""
    seed: int = {{ cookiecutter._service.seed }}
    """Decides every random draw; the same as the simulator's."""
    replication: int = 0
    time_scale: float = 1.0
    """Slow motion: real seconds for a second of the description."""
    burn_cpu: bool = False
    """Whether emulated work keeps a core busy instead of sleeping."""
