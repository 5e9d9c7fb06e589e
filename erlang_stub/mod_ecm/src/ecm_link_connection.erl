%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc mod_ecm's end of a link, from its beginning: packets and the time go in, events come out.
%%
%% It finds out whether the link is plain or typed, checks that ECM knows the secret, answers what
%% concerns the link itself, and gives what concerns a client to its owner (ecm_link).
%% docs/protocol.md of Megaphone is what it does. Pure: no process, no socket, no clock, no log.
%%
%% Whatever happens is an event of the table transitions/0, and the table says what comes of it.

-module(ecm_link_connection).

-export([drain/1, fault/2, new/2, packet/3, received/2, stalled/1, tick/2, transitions/0]).
-export_type([body/0, dialogue/0, event/0, form/0, options/0, state/0, time/0]).

%% More pings within one second are a flood; one every few seconds is what anybody needs.
-define(MAX_PINGS, 100).
-define(SECOND, 1000).

%% Bytes of a name that we do not know, where we repeat it.
-define(REPEATED, 64).

%% Milliseconds, from anywhere, that never go back.
-type time() :: integer().
-type form() :: plain | typed.

%% What the owner of the link says: `secret' only where one is set; `instance' is the name of this
%% node; `max_packet' the bytes of the longest packet that is taken, and `max_content'
%% of the longest answer that is sent in parts; `nonce' 32 hexadecimal digits,
%% lower case, for this link alone. The rest are milliseconds.
-type options() :: #{protocol := auto | typed | plain,
                     secret => binary(),
                     instance := binary(),
                     max_packet := pos_integer(),
                     max_content := pos_integer(),
                     nonce := binary(),
                     ping_interval := pos_integer(),
                     dead_time := pos_integer(),
                     hello_timeout := pos_integer()}.

%% What the owner is to do, in this order. `refused' is for the log: something on a connection was
%% not understood, here or by ECM. After `close', which is for the log as well, nothing comes.
-type event() ::
    {send, ecm_link_packet:id(), Content :: iodata()} |
    {up, plain | ecm_link_hello:agreement()} |
    {request, ecm_link_packet:id(), Client :: client(), Secure :: boolean(), body()} |
    {gone, ecm_link_packet:id(), Reason :: binary()} |
    {round_trip, Milliseconds :: non_neg_integer()} |
    drains |
    {refused, ecm_link_packet:id(), Text :: iodata()} |
    {close, Text :: iodata()}.

-type client() :: {inet:ip_address(), inet:port_number()} | unknown.

%% Of a request; `truncated' where ECM takes no body of that length, and gives only its first bytes.
-type body() :: binary() | {truncated, First :: binary()}.

%% Until the first packet a link is `indifferent' (to us all links are plain), `waiting' (for it
%% to tell), or `insisting' (on hello). It is `proving' until ECM has proven that it knows the
%% secret, and `draining' once we have said so.
-type state() ::
    indifferent | waiting | insisting | plain | proving | typed | draining | closed.

%% What happens, as the table knows it, with what belongs to it.
-type step() ::
    none | {proof | drain | ignored | due | stop} |
    {packet | content, ecm_link_packet:packet()} | {hello | challenge, Fields :: map()} |
    {request, ecm_link_packet:id(), ecm_link_message:line()} | {gone, ecm_link_packet:id(), Reason :: binary()} |
    {refused, ecm_link_packet:id(), Code :: atom(), Text :: iodata()} |
    {complaint, ecm_link_packet:id(), Text :: iodata()} | {ping | pong, Token :: binary()} |
    {broken | error | version | unproven | unexpected | malformed | silent | flood,
     Text :: iodata()}.

-record(dialogue,
        {state :: state(),
         options :: options(),
         next = next() :: #{{state(), atom()} => state()},
         began :: time(),            % the link; in `proving' the time since our hello
         heard :: time(),            % the last bytes
         hello = #{} :: map(),       % the fields of ECM's, while it has to prove itself
         pinged :: time(),           % our last ping, or the time since when one may come
         tokens = 0 :: non_neg_integer(),    % said so far
         awaited = none :: none | binary(),  % the one of a ping that has no pong yet
         pings = [] :: [time()],     % those of ECM within the last second
         drains = false :: boolean()}).  % whether ECM has said so

-opaque dialogue() :: #dialogue{}.

%% @doc Returns all that can happen in each state, and the state after it. An event that is named as
%% the code of an error is answered with this error, on connection 0.
-spec transitions() -> [{state(), Event :: atom(), Next :: state()}].
transitions() ->
    [{indifferent, packet, plain},
     {waiting, packet, plain},
     {waiting, hello, typed},
     {insisting, hello, typed},
     {insisting, challenge, proving},
     {proving, proof, typed},
     {typed, stop, draining},
     {plain, content, plain}]
        ++ [{proving, Event, proving} || Event <- [ping, pong, drain, ignored]]
        ++ [{typed, Event, typed} || Event <- open()]
        ++ [{draining, Event, draining} || Event <- open()]
        ++ [{State, Event, closed} || {State, Events} <- ends(), Event <- Events].

%% What makes no difference to a link that takes requests.
-spec open() -> [atom()].
open() ->
    [request, gone, refused, complaint, ping, pong, drain, ignored, due].

-spec ends() -> [{state(), [atom()]}].
ends() ->
    [{indifferent, [broken, stop]},
     {waiting, [version, unexpected, malformed, error, broken, stop]},
     {insisting, [version, unexpected, malformed, silent, error, stop]},
     {plain, [broken]},
     {proving, [unproven, unexpected, malformed, flood, error, stop]},
     {typed, [unproven, unexpected, malformed, silent, flood, error]},
     {draining, [unproven, unexpected, malformed, silent, flood, error]}].

-spec next() -> #{{state(), atom()} => state()}.
next() ->
    maps:from_list([{{State, Event}, Next} || {State, Event, Next} <- transitions()]).

%% @doc Returns the dialogue of a link that has just been opened.
-spec new(options(), time()) -> dialogue().
new(Options, Now) ->
    #dialogue{state = first_state(Options), options = Options,
              began = Now, heard = Now, pinged = Now}.

%% A side with a secret never speaks plain.
-spec first_state(options()) -> state().
first_state(#{secret := _}) -> insisting;
first_state(#{protocol := auto}) -> waiting;
first_state(#{protocol := typed}) -> insisting;
first_state(#{protocol := plain}) -> indifferent.

%% @doc Some bytes have arrived: the peer lives.
-spec received(time(), dialogue()) -> dialogue().
received(Now, Dialogue) ->
    Dialogue#dialogue{heard = Now}.

%% @doc A packet has arrived.
-spec packet(ecm_link_packet:packet(), time(), dialogue()) -> {[event()], dialogue()}.
packet(Packet, Now, Dialogue) ->
    step(heard(Packet, Now, Dialogue), Now, Dialogue).

%% @doc Time has passed. To be called about once a second.
-spec tick(time(), dialogue()) -> {[event()], dialogue()}.
tick(Now, Dialogue) ->
    step(passed(Now, Dialogue), Now, Dialogue).

%% @doc ejabberd stops: ECM shall send nothing new. On a plain link there is no way to say so; a
%% link that does not take requests yet is closed.
-spec drain(dialogue()) -> {[event()], dialogue()}.
drain(#dialogue{state = State} = Dialogue)
  when State =:= plain; State =:= draining; State =:= closed ->
    {[], Dialogue};
drain(#dialogue{heard = Heard} = Dialogue) ->
    step({stop}, Heard, Dialogue).

%% @doc What has arrived is no packet.
-spec fault(ecm_link_packet:reason(), dialogue()) -> {[event()], dialogue()}.
fault(Reason, #dialogue{state = State, heard = Heard} = Dialogue) ->
    step(no_packet(State, atom_to_binary(Reason)), Heard, Dialogue).

%% @doc A packet has begun, and is not complete after the dead-peer time.
-spec stalled(dialogue()) -> {[event()], dialogue()}.
stalled(#dialogue{state = State, heard = Heard, options = #{dead_time := DeadTime}} = Dialogue) ->
    step(incomplete(State, ["a packet was not complete after ", seconds(DeadTime)]), Heard,
         Dialogue).

%% What has happened.

-spec incomplete(state(), Text :: iodata()) -> step().
incomplete(closed, _) -> none;
incomplete(proving, _) -> none;  % it has less time
incomplete(State, Text) when State =:= insisting; State =:= typed; State =:= draining ->
    {silent, Text};
incomplete(_, Text) ->
    {broken, Text}.

-spec heard(ecm_link_packet:packet(), time(), dialogue()) -> step().
heard(_, _, #dialogue{state = closed}) ->
    none;
heard(Packet, _, #dialogue{state = plain}) ->
    {content, Packet};
heard(Packet, _, #dialogue{state = indifferent}) ->
    {packet, Packet};
heard(Packet, _, #dialogue{state = State} = Dialogue)
  when State =:= waiting; State =:= insisting ->
    first(Packet, Dialogue);
heard({Id, _}, _, #dialogue{state = proving}) when Id =/= 0 ->
    {unproven, <<"a proof has to come before the first request">>};
heard({Id, Content}, Now, Dialogue) ->
    said(Id, Content, ecm_link_message:parse(Content), Now, Dialogue).

%% The first packet of a link, which tells what the link is. What begins as a hello is one, also
%% where it is malformed: taken for plain it would never be found.
-spec first(ecm_link_packet:packet(), dialogue()) -> step().
first({0, Content} = Packet, Dialogue) -> first(ecm_link_message:parse(Content), Packet, Dialogue);
first(Packet, Dialogue) -> other(Packet, Dialogue).

-spec first(ecm_link_message:result(), ecm_link_packet:packet(), dialogue()) -> step().
first({ok, #{type := hello, fields := Fields}}, _, Dialogue) ->
    hello(Fields, Dialogue);
first({ok, #{type := error, words := [Code, Text]}}, _, _) ->
    {error, says(Code, Text)};
first({error, Fault}, {0, <<"hello", _/binary>>}, _) when Fault =/= 'bad-type' ->
    {malformed, atom_to_binary(Fault)};
first(_, Packet, Dialogue) ->
    other(Packet, Dialogue).

-spec other(ecm_link_packet:packet(), dialogue()) -> step().
other(Packet, #dialogue{state = waiting}) -> {packet, Packet};
other(_, _) -> {unexpected, <<"hello has to come first">>}.

-spec hello(ecm_link_hello:hello(), dialogue()) -> step().
hello(Fields, #dialogue{options = Options}) ->
    case ecm_link_hello:refusal(Fields) of
        none when is_map_key(secret, Options) -> {challenge, Fields};
        none -> {hello, Fields};
        Refusal -> Refusal
    end.

%% What ECM says on a typed link.
-spec said(ecm_link_packet:id(), Content :: binary(), ecm_link_message:result(), time(), dialogue()) -> step().
said(Id, _, {ok, #{type := Type} = Line}, Now, Dialogue) ->
    case ecm_link_message:comes(Type, ecm, Id) of
        true -> expected(Id, Line, Now, Dialogue);
        false -> wrong(Id, unexpected, [atom_to_binary(Type), " does not belong here"])
    end;
said(0, _, {unknown, _}, _, _) ->
    {ignored};
said(Id, _, {unknown, Type}, _, _) ->
    Name = binary:part(Type, 0, min(?REPEATED, byte_size(Type))),
    wrong(Id, 'unknown-type', ["there is no ", Name]);
said(Id, <<"error", _/binary>>, {error, Fault}, _, _) when Id =/= 0 ->
    {complaint, Id, ["malformed error: ", atom_to_binary(Fault)]};
said(Id, _, {error, Fault}, _, _) ->
    wrong(Id, malformed, atom_to_binary(Fault)).

%% On the link's own connection it ends the link; on another one it concerns nothing else.
-spec wrong(ecm_link_packet:id(), unexpected | malformed | 'unknown-type', iodata()) -> step().
wrong(0, Code, Text) -> {Code, Text};
wrong(Id, Code, Text) -> {refused, Id, Code, Text}.

-spec expected(ecm_link_packet:id(), ecm_link_message:line(), time(), dialogue()) -> step().
expected(Id, #{type := request} = Line, _, _) -> {request, Id, Line};
expected(Id, #{type := close, words := [Reason]}, _, _) -> {gone, Id, Reason};
expected(0, #{type := error, words := [Code, Text]}, _, _) -> {error, says(Code, Text)};
expected(Id, #{type := error, words := [Code, Text]}, _, _) -> {complaint, Id, says(Code, Text)};
expected(0, #{type := hello}, _, _) -> {unexpected, <<"hello came twice">>};
expected(0, #{type := proof, words := [Proof]}, _, Dialogue) -> proven(Proof, Dialogue);
expected(0, #{type := ping, words := [Token]}, Now, Dialogue) -> ping(Token, Now, Dialogue);
expected(0, #{type := pong, words := [Token]}, _, _) -> {pong, Token};
expected(0, #{type := drain}, _, _) -> {drain}.

-spec says(Code :: binary(), Text :: binary()) -> iodata().
says(Code, Text) ->
    ["ECM says ", Code, ": ", Text].

-spec proven(binary(), dialogue()) -> step().
proven(Proof, #dialogue{state = proving, hello = Hello, options = Options}) ->
    case ecm_link_hello:is_proven(Proof, Hello, Options) of
        true -> {proof};
        false -> {unproven, <<"the proof is wrong: the secrets differ">>}
    end;
proven(_, #dialogue{options = #{secret := _}}) ->
    {unexpected, <<"proof came twice">>};
proven(_, _) ->
    {unproven, <<"a proof came, but ejabberd has no secret">>}.

-spec ping(binary(), time(), dialogue()) -> step().
ping(Token, Now, Dialogue) ->
    case length(recent(Now, Dialogue)) of
        ?MAX_PINGS -> {flood, ["more than ", integer_to_binary(?MAX_PINGS), " pings in a second"]};
        _ -> {ping, Token}
    end.

-spec recent(time(), dialogue()) -> [time()].
recent(Now, #dialogue{pings = Pings}) ->
    [Ping || Ping <- Pings, Now - Ping < ?SECOND].

-spec no_packet(state(), Reason :: binary()) -> step().
no_packet(closed, _) -> none;
no_packet(State, Reason) when State =:= indifferent; State =:= waiting; State =:= plain ->
    {broken, ["malformed: ", Reason]};
no_packet(_, Reason) -> {malformed, Reason}.

-spec passed(time(), dialogue()) -> step().
passed(Now, #dialogue{state = State, began = Began, options = #{hello_timeout := Timeout}})
  when State =:= insisting, Now - Began >= Timeout ->
    {silent, ["no hello came for ", seconds(Timeout)]};
passed(Now, #dialogue{state = State, began = Began, options = #{hello_timeout := Timeout}})
  when State =:= proving, Now - Began >= Timeout ->
    {unproven, ["no proof came for ", seconds(Timeout)]};
passed(Now, #dialogue{state = State} = Dialogue) when State =:= typed; State =:= draining ->
    idled(Now, Dialogue);
passed(_, _) ->
    none.

-spec idled(time(), dialogue()) -> step().
idled(Now, #dialogue{heard = Heard, options = #{dead_time := DeadTime}})
  when Now - Heard >= DeadTime ->
    {silent, ["nothing came for ", seconds(DeadTime)]};
idled(Now, #dialogue{awaited = none, pinged = Pinged, options = #{ping_interval := Interval}})
  when Now - Pinged >= Interval ->
    {due};
idled(_, _) ->
    none.

-spec seconds(pos_integer()) -> iodata().
seconds(Milliseconds) ->
    [integer_to_binary(Milliseconds div ?SECOND), " seconds"].

%% What comes of it.

-spec step(step(), time(), dialogue()) -> {[event()], dialogue()}.
step(none, _, Dialogue) ->
    {[], Dialogue};
step(Step, Now, #dialogue{state = State, next = Table} = Dialogue) ->
    Next = maps:get({State, element(1, Step)}, Table),
    act(Step, Now, Dialogue#dialogue{state = Next}).

%% The dialogue is in its next state already.
-spec act(step(), time(), dialogue()) -> {[event()], dialogue()}.
act({content, Packet}, _, Dialogue) ->
    {carried(Packet), Dialogue};
act({packet, Packet}, _, Dialogue) ->
    {[{up, plain} | carried(Packet)], Dialogue};
act({request, Id, #{fields := Fields, body := Body}}, _, Dialogue) ->
    Client = maps:get(<<"peer">>, Fields, unknown),
    {[{request, Id, Client, maps:get(<<"secure">>, Fields, false), body(Fields, Body)}], Dialogue};
act({gone, _, _} = Gone, _, Dialogue) ->
    {[Gone], Dialogue};
act({refused, Id, Code, Text}, _, Dialogue) ->
    {[objection(Id, Code, Text), {refused, Id, [atom_to_binary(Code), ": ", Text]}], Dialogue};
act({complaint, Id, Text}, _, Dialogue) ->
    {[{refused, Id, Text}], Dialogue};
act({hello, Hello}, Now, Dialogue) ->
    {[own_hello(Hello, Dialogue), {up, ecm_link_hello:agreed(Hello)}], Dialogue#dialogue{pinged = Now}};
act({challenge, Hello}, Now, Dialogue) ->
    {[own_hello(Hello, Dialogue)], Dialogue#dialogue{hello = Hello, began = Now}};
act({proof}, Now, #dialogue{hello = Hello} = Dialogue) ->
    {[{up, ecm_link_hello:agreed(Hello)}], Dialogue#dialogue{hello = #{}, pinged = Now}};
act({ping, Token}, Now, Dialogue) ->
    {[{send, 0, ecm_link_message:write(pong, [Token], [])}],
     Dialogue#dialogue{pings = [Now | recent(Now, Dialogue)]}};
act({pong, Token}, Now, #dialogue{awaited = Token, pinged = Pinged} = Dialogue) ->
    {[{round_trip, max(0, Now - Pinged)}], Dialogue#dialogue{awaited = none}};
act({pong, _}, _, Dialogue) ->
    {[], Dialogue};
act({drain}, _, #dialogue{drains = Drains} = Dialogue) ->
    {[drains || not Drains], Dialogue#dialogue{drains = true}};
act({ignored}, _, Dialogue) ->
    {[], Dialogue};
act({due}, Now, #dialogue{tokens = Tokens} = Dialogue) ->
    Token = integer_to_binary(Tokens + 1),
    {[{send, 0, ecm_link_message:write(ping, [Token], [])}],
     Dialogue#dialogue{tokens = Tokens + 1, awaited = Token, pinged = Now}};
act({stop}, _, #dialogue{state = draining} = Dialogue) ->
    {[{send, 0, ecm_link_message:write(drain, [], [])}], Dialogue};
act({stop}, _, Dialogue) ->
    {[{close, <<"ejabberd stops">>}], Dialogue};
act({Last, Text}, _, Dialogue) when Last =:= broken; Last =:= error ->
    {[{close, Text}], Dialogue};
act({Code, Text}, _, Dialogue) ->
    {[objection(0, Code, Text), {close, [atom_to_binary(Code), ": ", Text]}], Dialogue}.

-spec body(Fields :: map(), binary()) -> body().
body(#{<<"truncated">> := true}, First) -> {truncated, First};
body(_, Body) -> Body.

-spec carried(ecm_link_packet:packet()) -> [event()].
carried({0, _}) -> [];
carried({Id, Content}) -> [{request, Id, unknown, false, Content}].

-spec objection(ecm_link_packet:id(), Code :: atom(), Text :: iodata()) -> event().
objection(Id, Code, Text) ->
    {send, Id, ecm_link_message:write(error, [atom_to_binary(Code), Text], [])}.

-spec own_hello(ecm_link_hello:hello(), dialogue()) -> event().
own_hello(Hello, #dialogue{options = Options}) ->
    {send, 0, ecm_link_hello:own(Hello, Options)}.
