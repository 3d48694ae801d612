"""Connections to what keeps the guestbook's entries and counts its visits."""

import os

import psycopg2
import redis


def database():
    return psycopg2.connect(
        host=os.environ["POSTGRES_HOST"],
        user=os.environ["POSTGRES_USER"],
        password=os.environ["POSTGRES_PASSWORD"],
        dbname=os.environ["POSTGRES_DB"],
        connect_timeout=3,
    )


def counter():
    return redis.Redis(host=os.environ["REDIS_HOST"], socket_timeout=3)
