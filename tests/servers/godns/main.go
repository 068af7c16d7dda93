// Resolve SRV records as grafana/dskit does with Go's own resolver: LookupSRV, then each target in turn.
//
// It is what dns discovery is measured against. Prints the duration of each round in milliseconds, one a line.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"time"
)

func main() {
	server := flag.String("server", "127.0.0.1:53", "name server")
	name := flag.String("name", "", "name with SRV records, with a trailing dot")
	rounds := flag.Int("rounds", 10, "how often to resolve it")
	want := flag.Int("want", 0, "how many addresses must be found")
	flag.Parse()

	dialer := net.Dialer{}
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, *server)
		},
	}
	for range *rounds {
		started := time.Now()
		found, err := resolve(context.Background(), resolver, *name)
		if err != nil {
			log.Fatal(err)
		}
		if found != *want {
			log.Fatalf("found %d addresses instead of %d", found, *want)
		}
		fmt.Println(float64(time.Since(started).Microseconds()) / 1000)
	}
}

func resolve(ctx context.Context, resolver *net.Resolver, name string) (int, error) {
	_, records, err := resolver.LookupSRV(ctx, "", "", name)
	if err != nil {
		return 0, err
	}
	found := 0
	for _, record := range records {
		addresses, err := resolver.LookupIPAddr(ctx, record.Target)
		if err != nil {
			return 0, err
		}
		found += len(addresses)
	}
	return found, nil
}
