// Command conformance is the surface of the conformance server on the Go framework: it takes the place of one of the
// Rust servers in a set of them, and is started the same way. Settings come from the environment (`PITAYA_...`).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	pitaya "github.com/topfreegames/pitaya/v3/pkg"
	"github.com/topfreegames/pitaya/v3/pkg/acceptor"
	"github.com/topfreegames/pitaya/v3/pkg/component"
	"github.com/topfreegames/pitaya/v3/pkg/config"
	"github.com/topfreegames/pitaya/v3/pkg/logger"
	logruswrapper "github.com/topfreegames/pitaya/v3/pkg/logger/logrus"
)

var (
	port       = flag.Int("port", 32222, "port of the TCP acceptor (frontend only)")
	serverType = flag.String("type", "connector", "server type")
	frontend   = flag.Bool("frontend", true, "frontend or backend")
	serializer = flag.String("serializer", "json", "json or protobuf")
	prefix     = flag.String("sdprefix", "pitaya/", "prefix of the keys in etcd")
)

func main() {
	flag.Parse()
	logs := logrus.New()
	logger.SetLogger(logruswrapper.NewWithFieldLogger(logs))

	conf := config.NewPitayaConfig(config.NewConfig())
	conf.Cluster.SD.Etcd.Prefix = *prefix
	switch *serializer {
	case "json":
		conf.SerializerType = 1
	case "protobuf":
		conf.SerializerType = 2
	default:
		fmt.Fprintln(os.Stderr, "the serializer is json or protobuf")
		os.Exit(2)
	}
	builder := pitaya.NewDefaultBuilder(*frontend, *serverType, pitaya.Cluster, map[string]string{}, *conf)
	if *frontend {
		builder.AddAcceptor(acceptor.NewTCPAcceptor(fmt.Sprintf(":%d", *port)))
	}
	app := builder.Build()
	if err := app.GroupCreate(context.Background(), group); err != nil {
		logs.Fatal(err)
	}
	lower := component.WithNameFunc(strings.ToLower)
	handlers := &Handlers{app: app, sessions: builder.SessionPool}
	app.Register(handlers, component.WithName("testsvc"), lower)
	app.RegisterRemote(&Remotes{}, component.WithName("testremotesvc"), lower)
	// Says `all modules started!` on the standard error when it serves, and ends when it is told by a signal.
	app.Start()
}
