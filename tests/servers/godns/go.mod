module engram-discovery/tests/servers/godns

go 1.25.0
