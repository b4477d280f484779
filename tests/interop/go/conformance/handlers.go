package main

import (
	"context"
	"errors"

	pitaya "github.com/topfreegames/pitaya/v3/pkg"
	"github.com/topfreegames/pitaya/v3/pkg/component"
	"github.com/topfreegames/pitaya/v3/pkg/logger"
	"github.com/topfreegames/pitaya/v3/pkg/session"

	"github.com/google/uuid"

	"pitaya.test/interop/messages"
)

// group is the one that every bound user is in; users of frontends of one type are pushed to.
const (
	group       = "g1"
	usersAreOn  = "connector"
	onGroup     = "route.test"
	onGroupPtr  = "route.testptr"
	onSentUsers = "route.sendtousers"
)

type (
	request  = messages.TestRequest
	response = messages.TestResponse
)

// call asks for a call of another server; only JSON carries it.
type call struct {
	Route string `json:"route"`
	Data  string `json:"data"`
}

// push asks for a push to users; only JSON carries it.
type push struct {
	Uids []string `json:"uids"`
	Msg  string   `json:"msg"`
}

// Handlers are what clients ask for, on a frontend and on a backend alike.
type Handlers struct {
	component.Base
	app      pitaya.Pitaya
	sessions session.SessionPool
}

func ok(msg string) *response {
	return &response{Code: 200, Msg: msg}
}

func (h *Handlers) Testrequestonlysessionreturnsptr(ctx context.Context) (*response, error) {
	return ok("hello"), nil
}

func (h *Handlers) Testrequestonlysessionreturnsptrnil(ctx context.Context) (*response, error) {
	return nil, nil
}

func (h *Handlers) Testrequestonlysessionreturnsrawnil(ctx context.Context) ([]byte, error) {
	return nil, nil
}

func (h *Handlers) Testrequestreturnsptr(ctx context.Context, asked *request) (*response, error) {
	return ok(asked.GetMsg()), nil
}

func (h *Handlers) Testrequestreturnsraw(ctx context.Context, asked *request) ([]byte, error) {
	return []byte(asked.GetMsg()), nil
}

func (h *Handlers) Testrequestreceivereturnsraw(ctx context.Context, body []byte) ([]byte, error) {
	// No bytes are a nil slice after a hop, and that would be an absent reply.
	return append([]byte{}, body...), nil
}

func (h *Handlers) Testrequestreturnserror(ctx context.Context, body []byte) (*response, error) {
	return nil, pitaya.Error(errors.New("somerror"), "PIT-555")
}

func (h *Handlers) Testbind(ctx context.Context) ([]byte, error) {
	return h.bind(ctx, uuid.NewString())
}

func (h *Handlers) Testbindid(ctx context.Context, uid []byte) ([]byte, error) {
	return h.bind(ctx, string(uid))
}

func (h *Handlers) bind(ctx context.Context, uid string) ([]byte, error) {
	if err := h.app.GetSessionFromCtx(ctx).Bind(ctx, uid); err != nil {
		return nil, pitaya.Error(err, "PIT-444")
	}
	if err := h.app.GroupAddMember(ctx, group, uid); err != nil {
		return nil, pitaya.Error(err, "PIT-441")
	}
	return []byte("ack"), nil
}

func (h *Handlers) Testrequestkickuser(ctx context.Context, uid []byte) (*response, error) {
	s := h.sessions.GetSessionByUID(string(uid))
	if s == nil {
		return nil, pitaya.Error(errors.New("session not found"), "PIT-404")
	}
	return ok("ok"), s.Kick(ctx)
}

func (h *Handlers) Testrequestkickme(ctx context.Context) (*response, error) {
	return ok("ok"), h.app.GetSessionFromCtx(ctx).Kick(ctx)
}

func (h *Handlers) Testsendgroupmsg(ctx context.Context, body []byte) {
	logged(h.app.GroupBroadcast(ctx, usersAreOn, group, onGroup, body))
}

func (h *Handlers) Testsendgroupmsgptr(ctx context.Context, asked *request) {
	logged(h.app.GroupBroadcast(ctx, usersAreOn, group, onGroupPtr, asked))
}

func (h *Handlers) Testsendtousers(ctx context.Context, asked *push) {
	_, err := h.app.SendPushToUsers(onSentUsers, []byte(asked.Msg), asked.Uids, usersAreOn)
	logged(err)
}

func (h *Handlers) Testsendrpc(ctx context.Context, asked *call) (*response, error) {
	reply := &response{}
	return reply, h.app.RPC(ctx, asked.Route, reply, &request{Msg: asked.Data})
}

func (h *Handlers) Testsendrpcnoargs(ctx context.Context, asked *call) (*response, error) {
	reply := &response{}
	return reply, h.app.RPC(ctx, asked.Route, reply, nil)
}

// logged is for notifies, whose sender hears of nothing.
func logged(err error) {
	if err != nil {
		logger.Log.Warn(err)
	}
}
