// Command server is a frontend or a backend on the Go framework, driven by a test line by line.
//
// The flags choose what it is; when it serves it says `ready` with its id and address. Commands let a test make it call
// others. It ends when its input does.
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	pitaya "github.com/topfreegames/pitaya/v3/pkg"
	"github.com/topfreegames/pitaya/v3/pkg/acceptor"
	"github.com/topfreegames/pitaya/v3/pkg/component"
	"github.com/topfreegames/pitaya/v3/pkg/config"
	pitayaerrors "github.com/topfreegames/pitaya/v3/pkg/errors"
	"github.com/topfreegames/pitaya/v3/pkg/groups"
	"github.com/topfreegames/pitaya/v3/pkg/logger"
	logruswrapper "github.com/topfreegames/pitaya/v3/pkg/logger/logrus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"pitaya.test/interop/lines"
)

var (
	serverType = flag.String("type", "room", "server type")
	frontend   = flag.Bool("frontend", false, "accept clients over TCP")
	protobuf   = flag.Bool("protobuf", false, "protobuf instead of JSON")
	compress   = flag.Bool("compress", false, "compress what clients are sent")
	dictionary = flag.String("dictionary", "", "route=code, with commas between")
	heartbeat  = flag.Duration("heartbeat", 30*time.Second, "time between heartbeats")
	etcd       = flag.String("etcd", "", "etcd's address; empty = standalone")
	nats       = flag.String("nats", "", "the URL of NATS")
	ttl        = flag.Duration("ttl", 10*time.Second, "time to live of the record in etcd")
	spans      = flag.Bool("spans", false, "start spans, which travel")
	dispatch   = flag.Int("dispatch", 25, "messages of clients that are handled at the same time")
	timeout    = flag.Duration("timeout", 5*time.Second, "how long a call of another server may take")
)

type command struct {
	Op       string   `json:"op"`
	ID       int      `json:"id"`
	Route    string   `json:"route"`
	Server   string   `json:"server"`
	Value    *string  `json:"value"`
	Uids     []string `json:"uids"`
	Frontend string   `json:"frontend"`
	Trace    string   `json:"trace"`
}

func main() {
	flag.Parse()
	logs := logrus.New()
	logs.SetLevel(logrus.WarnLevel)
	logger.SetLogger(logruswrapper.NewWithFieldLogger(logs))
	otel.SetTextMapPropagator(propagation.TraceContext{})

	if *spans {
		otel.SetTracerProvider(sdktrace.NewTracerProvider())
	}

	app := build()
	name := func(name string) component.Option { return component.WithName(name) }
	lower := component.WithNameFunc(strings.ToLower)
	app.Register(&Room{app: app}, name("room"), lower)
	if *etcd != "" {
		app.RegisterRemote(&Desk{app: app}, name("desk"), lower)
	}
	go obey(app)
	app.Start()
	lines.Say(lines.Event{"event": "stopped"})
}

func build() pitaya.Pitaya {
	conf := config.NewDefaultPitayaConfig()
	if *protobuf {
		conf.SerializerType = 2
	}
	conf.Handler.Messages.Compression = *compress
	conf.Concurrency.Handler.Dispatch = *dispatch
	conf.Heartbeat.Interval = *heartbeat
	mode := pitaya.Standalone
	if *etcd != "" {
		mode = pitaya.Cluster
		conf.Cluster.SD.Etcd.Endpoints = []string{*etcd}
		conf.Cluster.SD.Etcd.Heartbeat.TTL = *ttl
		conf.Cluster.RPC.Server.Nats.Connect = *nats
		conf.Cluster.RPC.Client.Nats.Connect = *nats
		conf.Cluster.RPC.Client.Nats.RequestTimeout = *timeout
	}
	builder := pitaya.NewDefaultBuilder(*frontend, *serverType, mode, map[string]string{}, *conf)
	builder.Groups = groups.NewMemoryGroupService(conf.Groups.Memory)
	var door *acceptor.TCPAcceptor
	if *frontend {
		door = acceptor.NewTCPAcceptor("127.0.0.1:0")
		builder.AddAcceptor(door)
	}
	app := builder.Build()
	if codes := parseDictionary(*dictionary); len(codes) > 0 {
		if err := app.SetDictionary(codes); err != nil {
			fail(err)
		}
	}
	go announce(app, door)
	return app
}

// announce says `ready` when the app runs, which it shows by nothing but its status.
func announce(app pitaya.Pitaya, door *acceptor.TCPAcceptor) {
	for !app.IsRunning() {
		time.Sleep(5 * time.Millisecond)
	}
	address := ""
	if door != nil {
		address = door.GetAddr()
	}
	lines.Say(lines.Event{"event": "ready", "server": app.GetServerID(), "address": address})
}

func parseDictionary(text string) map[string]uint16 {
	codes := map[string]uint16{}
	for entry := range strings.SplitSeq(text, ",") {
		if route, code, found := strings.Cut(entry, "="); found {
			number, err := strconv.ParseUint(code, 10, 16)
			if err != nil {
				fail(err)
			}
			codes[route] = uint16(number)
		}
	}
	return codes
}

// obey carries out commands, each on its own so that one that waits holds up no other.
func obey(app pitaya.Pitaya) {
	lines.Each(func(c command) {
		go func() { answer(c.ID, run(app, c)) }()
	})
	os.Exit(0)
}

type outcome struct {
	value any
	err   error
}

func run(app pitaya.Pitaya, c command) outcome {
	ctx := traced(context.Background(), c.Trace)
	switch c.Op {
	case "rpc":
		reply := &wrapperspb.StringValue{}
		var err error
		switch {
		case c.Value != nil && c.Server != "":
			err = app.RPCTo(ctx, c.Server, c.Route, reply, wrapperspb.String(*c.Value))
		case c.Value != nil:
			err = app.RPC(ctx, c.Route, reply, wrapperspb.String(*c.Value))
		case c.Server != "":
			err = app.RPCTo(ctx, c.Server, c.Route, reply, nil)
		default:
			err = app.RPC(ctx, c.Route, reply, nil)
		}
		return outcome{reply.GetValue(), err}
	case "push":
		missed, err := app.SendPushToUsers(c.Route, wrapperspb.String(*c.Value), c.Uids, c.Frontend)
		return outcome{missed, err}
	case "kick":
		missed, err := app.SendKickToUsers(c.Uids, c.Frontend)
		return outcome{missed, err}
	case "servers":
		ids := []string{}
		for _, server := range app.GetServers() {
			ids = append(ids, server.ID)
		}
		return outcome{ids, nil}
	case "shutdown":
		app.Shutdown()
		return outcome{nil, nil}
	}
	return outcome{nil, errors.New("no such command: " + c.Op)}
}

func answer(id int, result outcome) {
	event := lines.Event{"event": "done", "id": id, "value": result.value}
	if result.err != nil {
		event["error"] = described(result.err)
	}
	lines.Say(event)
}

func described(err error) lines.Event {
	var coded *pitayaerrors.Error
	if errors.As(err, &coded) {
		return lines.Event{"code": coded.Code, "msg": coded.Message, "metadata": coded.Metadata}
	}
	return lines.Event{"code": "", "msg": err.Error(), "metadata": nil}
}

// traced puts a span of this trace into the context, as if a tracer had started one.
func traced(ctx context.Context, traceID string) context.Context {
	id, err := trace.TraceIDFromHex(traceID)
	if err != nil {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    id,
		SpanID:     trace.SpanID{1, 2, 3, 4, 5, 6, 7, 8},
		TraceFlags: trace.FlagsSampled,
	}))
}

func fail(err error) {
	lines.Say(lines.Event{"event": "failed", "why": err.Error()})
	os.Exit(1)
}
