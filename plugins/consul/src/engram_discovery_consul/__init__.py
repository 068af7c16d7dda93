"""Consul provider of engram-discovery: finds peers by their health, and keeps this node registered."""
