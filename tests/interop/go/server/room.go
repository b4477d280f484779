package main

import (
	"context"
	"errors"
	"strings"

	pitaya "github.com/topfreegames/pitaya/v3/pkg"
	"github.com/topfreegames/pitaya/v3/pkg/component"
	"github.com/topfreegames/pitaya/v3/pkg/session"
	"github.com/topfreegames/pitaya/v3/pkg/tracing"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// text is the one message type: `{"value": ..}` in JSON, field 1 in protobuf.
type text = wrapperspb.StringValue

// Room is what clients ask for, on a frontend and on a backend alike.
type Room struct {
	component.Base
	app pitaya.Pitaya
}

// Desk is what other servers ask for.
type Desk struct {
	component.Base
	app pitaya.Pitaya
}

func (r *Room) session(ctx context.Context) session.Session {
	return r.app.GetSessionFromCtx(ctx)
}

// Raw answers the bytes it was sent.
func (r *Room) Raw(ctx context.Context, body []byte) ([]byte, error) {
	return body, nil
}

// Echo answers the message it was sent.
func (r *Room) Echo(ctx context.Context, said *text) (*text, error) {
	return said, nil
}

// Hello takes no argument.
func (r *Room) Hello(ctx context.Context) (*text, error) {
	return wrapperspb.String("hello"), nil
}

// Fail answers an error with code, text and metadata.
func (r *Room) Fail(ctx context.Context, said *text) (*text, error) {
	return nil, refusal(said.GetValue())
}

// Plain answers an error that has no code.
func (r *Room) Plain(ctx context.Context) (*text, error) {
	return nil, errors.New("plain")
}

// Note is a notify; it pushes what it got, so that its sender knows.
func (r *Room) Note(ctx context.Context, said *text) {
	if err := r.session(ctx).Push("onNote", said); err != nil {
		panic(err)
	}
}

// Push pushes what it got before it answers.
func (r *Room) Push(ctx context.Context, said *text) (*text, error) {
	return said, r.session(ctx).Push("onSaid", said)
}

// Bind binds the session to a user.
func (r *Room) Bind(ctx context.Context, uid *text) (*text, error) {
	return uid, r.session(ctx).Bind(ctx, uid.GetValue())
}

// Welcome binds the session and pushes at once.
func (r *Room) Welcome(ctx context.Context, uid *text) (*text, error) {
	s := r.session(ctx)
	if err := s.Bind(ctx, uid.GetValue()); err != nil {
		return nil, err
	}
	return uid, s.Push("onWelcome", uid)
}

// Uid answers whom the session is bound to.
func (r *Room) Uid(ctx context.Context) (*text, error) {
	return wrapperspb.String(r.session(ctx).UID()), nil
}

// Set takes `key=value` into the session's data, and on a backend sends them home.
func (r *Room) Set(ctx context.Context, entry *text) (*text, error) {
	key, value, _ := strings.Cut(entry.GetValue(), "=")
	s := r.session(ctx)
	if err := s.Set(key, value); err != nil {
		return nil, err
	}
	if !*frontend {
		if err := s.PushToFront(ctx); err != nil {
			return nil, err
		}
	}
	return entry, nil
}

// Get answers one entry of the session's data.
func (r *Room) Get(ctx context.Context, key *text) (*text, error) {
	return wrapperspb.String(r.session(ctx).String(key.GetValue())), nil
}

// Kick kicks the sender.
func (r *Room) Kick(ctx context.Context) (*text, error) {
	return wrapperspb.String("kicked"), r.session(ctx).Kick(ctx)
}

// Join takes the bound user into a group, which it makes when there is none.
func (r *Room) Join(ctx context.Context, group *text) (*text, error) {
	// Somebody else may have made it.
	_ = r.app.GroupCreate(ctx, group.GetValue())
	return group, r.app.GroupAddMember(ctx, group.GetValue(), r.session(ctx).UID())
}

// Tell takes `frontend type,group,text` and pushes the text to the group.
func (r *Room) Tell(ctx context.Context, order *text) (*text, error) {
	parts := strings.SplitN(order.GetValue(), ",", 3)
	if len(parts) != 3 {
		return nil, errors.New("frontend type, group and text were expected")
	}
	return order, r.app.GroupBroadcast(ctx, parts[0], parts[1], "onTold", wrapperspb.String(parts[2]))
}

// Ask takes `route,text`, calls that remote, and answers what it answers.
func (r *Room) Ask(ctx context.Context, order *text) (*text, error) {
	route, said, _ := strings.Cut(order.GetValue(), ",")
	reply := &text{}
	return reply, r.app.RPC(ctx, route, reply, wrapperspb.String(said))
}

// Stall never answers while its caller waits.
func (r *Room) Stall(ctx context.Context) (*text, error) {
	select {}
}

// Echo answers the message it was sent.
func (d *Desk) Echo(ctx context.Context, said *text) (*text, error) {
	return said, nil
}

// Hello takes no argument; it says who answers.
func (d *Desk) Hello(ctx context.Context) (*text, error) {
	return wrapperspb.String(d.app.GetServerID()), nil
}

// Fail answers an error with code, text and metadata.
func (d *Desk) Fail(ctx context.Context, said *text) (*text, error) {
	return nil, refusal(said.GetValue())
}

// Trace answers the id of the trace that the call belongs to.
func (d *Desk) Trace(ctx context.Context) (*text, error) {
	return traceOf(ctx)
}

// Stall never answers while its caller waits.
func (d *Desk) Stall(ctx context.Context) (*text, error) {
	select {}
}

func refusal(why string) error {
	return pitaya.Error(errors.New(why), "GAME-1", map[string]string{"room": "r1"})
}

func traceOf(ctx context.Context) (*text, error) {
	span, err := tracing.ExtractSpan(ctx)
	if err != nil {
		return nil, err
	}
	if !span.IsValid() {
		return wrapperspb.String(""), nil
	}
	return wrapperspb.String(span.TraceID().String()), nil
}
