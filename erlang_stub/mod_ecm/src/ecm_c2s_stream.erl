%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a client does on its XMPP stream, as events for the calling process, which is that of
%% ejabberd_c2s. They go through the mailbox, behind what came before.

-module(ecm_c2s_stream).

-export([answered/1, begun/1, begun/2, begun_anew/2, closed/0, element/1, ended/0, exceeded/1, fail/1,
         fail_before_header/1, has_failed/0, restarts/0]).

-define(STANZAS, [<<"message">>, <<"presence">>, <<"iq">>]).
-define(SASL, <<"urn:ietf:params:xml:ns:xmpp-sasl">>).
-define(STEPS, [<<"challenge">>, <<"success">>, <<"failure">>]).

%% In the dictionary while no element may come: `asked' until the server has answered a step of the login (RFC 6120,
%% section 6.4), `restart' from then until the client has begun its stream anew. ejabberd would write what comes then
%% into its log as it is, with passwords; to format 230 kB takes it gigabytes.
-define(LOGIN, ecm_c2s_stream_login).

%% expat's code of a syntax error, and a text that nobody reads.
-define(NOT_IN_TURN, {2, <<"The stream must begin anew">>}).

-define(STREAMS, <<"http://etherx.jabber.org/streams">>).

%% @doc The client begins the stream, with the body that begins its session. ejabberd offers SASL2 to a
%% client that has named its address, if it may offer that.
-spec begun(ecm_bosh_body:body(), MayOfferSasl2 :: boolean()) -> ok.
begun(#{to := Server} = Body, MayOfferSasl2) ->
    begun(Server, maps:get(lang, Body, <<>>), [{<<"from">>, Jid} || MayOfferSasl2, Jid <- from(Body)]).

%% @doc The client begins the stream anew, after a login.
-spec begun_anew(Server :: binary(), Lang :: binary()) -> ok.
begun_anew(Server, Lang) -> begun(Server, Lang, []).

-spec begun(Server :: binary(), Lang :: binary(), More :: [{binary(), binary()}]) -> ok.
begun(Server, Lang, More) ->
    begun([{<<"to">>, Server}, {<<"version">>, <<"1.0">>}, {<<"xml:lang">>, Lang},
           {<<"xmlns">>, <<"jabber:client">>}, {<<"xmlns:stream">>, ?STREAMS} | More]).

%% @doc The client begins the stream, with these attributes.
-spec begun([ecm_xml:attribute()]) -> ok.
begun(Attributes) ->
    _ = erase(?LOGIN),
    event({xmlstreamstart, <<"stream:stream">>, Attributes}).

%% The client's address, without a resource. One that is none, or of another host, would end the stream;
%% a session may begin with it nevertheless (XEP-0124, section 7.1, leaves its meaning to the server).
-spec from(ecm_bosh_body:body()) -> [Jid :: binary()].
from(#{from := From, to := Host}) ->
    try jid:tolower(jid:decode(From)) of
        {User, Host, _} when User =/= <<>> -> [jid:encode({User, Host, <<>>})];
        _ -> []
    catch
        error:{bad_jid, _} -> []
    end;
from(_) -> [].

%% @doc An element has come. One in the namespace of stanzas that is not a stanza ends the stream (RFC 6120,
%% section 4.9.3.24). ejabberd would drop it.
-spec element(ecm_bosh_body:xmlel()) -> ok.
element(Element) ->
    case get(?LOGIN) of
        undefined -> in_turn(Element);
        _ -> not_in_turn(has_failed())
    end.

-spec not_in_turn(HasFailed :: boolean()) -> ok.
not_in_turn(true) -> ok;
not_in_turn(false) -> fail_before_header(?NOT_IN_TURN).

-spec in_turn(ecm_bosh_body:xmlel()) -> ok.
in_turn({xmlel, Name, Attrs, _} = Element) ->
    case lists:member(Name, ?STANZAS) orelse lists:keyfind(<<"xmlns">>, 1, Attrs) of
        {_, ?SASL} ->
            _ = put(?LOGIN, asked),
            event({xmlstreamelement, Element});
        {_, ?STREAMS} = Declaration ->
            event({xmlstreamelement, of_stream(Element, Declaration)});
        false ->
            fail(xmpp:serr_unsupported_stanza_type());
        _ ->
            event({xmlstreamelement, Element})
    end.

%% ejabberd knows what is of the stream itself, as an error that the client reports, by its usual prefix.
-spec of_stream(ecm_bosh_body:xmlel(), Declaration :: {binary(), binary()}) -> ecm_bosh_body:xmlel().
of_stream({xmlel, Name, Attrs, Children}, Declaration) ->
    {xmlel, <<"stream:", Name/binary>>, lists:delete(Declaration, Attrs), Children}.

%% @doc The client is sent this: its login may go on if that is what it has waited for.
-spec answered(Packet :: tuple()) -> ok.
answered({xmlstreamelement, {xmlel, Name, _, _}}) ->
    _ = get(?LOGIN) =:= asked andalso lists:member(Name, ?STEPS) andalso erase(?LOGIN),
    ok;
answered(_) -> ok.

%% @doc The client has logged in, and is to begin its stream anew.
-spec restarts() -> ok.
restarts() ->
    _ = put(?LOGIN, restart),
    ok.

%% @doc A body exceeds a limit, which ends the stream (RFC 6120, section 4.9.3.14).
-spec exceeded(ecm_bosh_oversize:excess()) -> ok.
exceeded(Limit) ->
    fail(xmpp:serr_policy_violation(text(Limit), <<"en">>)).

%% @doc The stream ends with an error, which takes its turn behind what has come before.
-spec fail(Error :: tuple()) -> ok.
fail(Error) ->
    put(?MODULE, failed),
    xmpp_stream_in:send(self(), Error).

%% @doc The same before the stream has a header, with an error as the XML parser of ejabberd has it.
-spec fail_before_header(Reason :: term()) -> ok.
fail_before_header(Reason) ->
    put(?MODULE, failed),
    event({xmlstreamerror, Reason}).

%% @doc Returns whether the client has sent what ends the stream. Nothing that comes behind that is for anybody.
-spec has_failed() -> boolean().
has_failed() ->
    get(?MODULE) =:= failed.

-spec text(ecm_bosh_oversize:excess()) -> binary().
text(bytes) -> <<"Too many bytes in a body">>;
text(_) -> <<"Too many elements in a body">>.

%% @doc The client has ended the stream.
-spec ended() -> ok.
ended() -> event({xmlstreamend, <<"stream:stream">>}).

%% @doc The client is gone.
-spec closed() -> ok.
closed() -> event(closed).

-spec event(term()) -> ok.
event(Event) ->
    self() ! {'$gen_event', Event},
    ok.
