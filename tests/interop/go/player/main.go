// Command player is a client built on the Go client package, driven by a test line by line.
//
// It does what it is told and says what it sees; it judges nothing.
package main

import (
	"crypto/tls"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/topfreegames/pitaya/v3/pkg/client"
	"github.com/topfreegames/pitaya/v3/pkg/conn/message"
	"github.com/topfreegames/pitaya/v3/pkg/session"

	"pitaya.test/interop/lines"
)

type command struct {
	Op        string            `json:"op"`
	Address   string            `json:"address"`
	WebSocket bool              `json:"webSocket"`
	TLS       bool              `json:"tls"`
	TimeoutMs int               `json:"timeoutMs"`
	User      map[string]any    `json:"user"`
	Docs      string            `json:"docs"`
	Pushes    map[string]string `json:"pushes"`
	Route     string            `json:"route"`
	Body      []byte            `json:"body"`
}

// player holds the one connection of this program: the Go client's dictionary belongs to the whole process.
type player struct {
	client client.PitayaClient
}

func main() {
	var p player
	lines.Each(p.do)
}

func (p *player) do(c command) {
	switch c.Op {
	case "connect":
		p.connect(c)
	case "request":
		// Waits while 30 are unanswered.
		id, err := p.client.SendRequest(c.Route, c.Body)
		done(err, lines.Event{"event": "sent", "id": id})
	case "notify":
		done(p.client.SendNotify(c.Route, c.Body), lines.Event{"event": "sent", "id": 0})
	case "dictionary":
		lines.Say(lines.Event{"event": "dictionary", "codes": message.GetDictionary()})
	case "disconnect":
		p.client.Disconnect()
	default:
		lines.Say(lines.Event{"event": "failed", "why": "no such command: " + c.Op})
	}
}

func (p *player) connect(c command) {
	timeout := 5 * time.Second
	if c.TimeoutMs > 0 {
		timeout = time.Duration(c.TimeoutMs) * time.Millisecond
	}
	p.client = client.New(logrus.WarnLevel, timeout)
	if c.Docs != "" {
		documented, err := learn(c, timeout)
		if err != nil {
			done(err, nil)
			return
		}
		p.client = documented
	}
	if c.User != nil {
		p.client.SetClientHandshakeData(&session.HandshakeData{
			Sys:  session.HandshakeClientData{Platform: "test", LibVersion: "1", BuildNumber: "2", Version: "3"},
			User: c.User,
		})
	}
	// As Go's interactive client: whoever answers is believed.
	var secure []*tls.Config
	if c.TLS {
		secure = append(secure, &tls.Config{InsecureSkipVerify: true})
	}
	var err error
	if c.WebSocket {
		err = p.client.ConnectToWS(c.Address, "", secure...)
	} else {
		err = p.client.ConnectTo(c.Address, secure...)
	}
	if err == nil {
		go listen(p.client)
	}
	done(err, lines.Event{"event": "connected"})
}

// learn asks the server what it offers, over a connection of its own, as the command line client does with `-docs`. From
// then on bodies are JSON here and protobuf on the wire.
func learn(c command, timeout time.Duration) (*client.ProtoClient, error) {
	documented := client.NewProto(c.Docs, logrus.WarnLevel, timeout)
	for route, name := range c.Pushes {
		documented.AddPushResponse(route, name)
	}
	if err := documented.LoadServerInfo(c.Address); err != nil {
		return nil, err
	}
	routes := []string{}
	for route := range documented.ExportInformation().Commands {
		routes = append(routes, route)
	}
	lines.Say(lines.Event{"event": "learned", "routes": routes})
	// A client that connects twice may be ended by the tasks of its first connection.
	player := client.NewProto(c.Docs, logrus.WarnLevel, timeout)
	return player, player.LoadInfo(documented.ExportInformation())
}

// listen tells of every message, then of the end, which the Go client shows by nothing but its status.
func listen(c client.PitayaClient) {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case m := <-c.MsgChannel():
			told(m)
			continue
		default:
		}
		select {
		case m := <-c.MsgChannel():
			told(m)
		case <-look.C:
			if !c.ConnectedStatus() && len(c.MsgChannel()) == 0 {
				lines.Say(lines.Event{"event": "disconnected"})
				return
			}
		}
	}
}

func told(m *message.Message) {
	lines.Say(lines.Event{
		"event": "message",
		"kind":  m.Type.String(),
		"id":    m.ID,
		"route": m.Route,
		"error": m.Err,
		"body":  m.Data,
	})
}

func done(err error, event lines.Event) {
	if err != nil {
		event = lines.Event{"event": "failed", "why": err.Error()}
	}
	lines.Say(event)
}
