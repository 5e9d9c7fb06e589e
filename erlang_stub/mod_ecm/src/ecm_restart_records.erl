%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The format of the file in which sessions outlive a restart of ejabberd. Pure: terms to bytes, and bytes,
%% in pieces of any size, to terms.
%%
%%     file    = magic version record(header) *record(session) record(end)
%%     magic   = "ecm-sessions" LF
%%     version = 16 bits
%%     record  = length checksum guard payload
%%
%% `length', of the payload in bytes, and the checksums have 32 bits. `checksum' is the CRC-32 of the payload, and
%% `guard' that of length and checksum. The payload is an external term: a map for the header, a binary for a
%% session, the number of sessions for the end.
%%
%% A payload that is damaged costs its own session. After damaged 12 bytes in front of a payload, the next record
%% is not found, and the rest is lost.

-module(ecm_restart_records).

-export([decode/2, finish/1, header/1, new/0, session/1, the_end/1]).
-export_type([decoder/0, event/0, fault/0]).

-define(MAGIC, "ecm-sessions\n").

%% Of this format. What a session consists of has a version of its own (ecm_c2s_transfer).
-define(VERSION, 1).

%% Bytes of what is before the first record.
-define(MAGIC_SIZE, 15).

%% Bytes of a payload. A session keeps up to `max_waiting_size' twice, as stanzas and as answers, some 40 MB; an
%% operator may have raised that. A reader takes as much memory as the longest payload.
-define(MAX_SIZE, 134217728).

-type event() :: {header, map()} | {session, binary()} | damaged | {the_end, Sessions :: non_neg_integer()}.

%% Why the rest of a file cannot be read.
-type fault() :: foreign | {version, non_neg_integer()} | unreadable | truncated | longer.

%% `bytes' have not been decoded, and are fewer than what is `awaited'.
-record(decoder, {bytes = <<>> :: binary(),
                  awaited = magic :: magic | header | record | nothing | {fault, fault()}}).

-opaque decoder() :: #decoder{}.

%% @doc Returns the beginning of a file.
-spec header(map()) -> iodata().
header(Header) ->
    {ok, Record} = record(Header),
    [?MAGIC, <<?VERSION:16>> | Record].

%% @doc Returns the record of a session, unless that is too large.
-spec session(binary()) -> {ok, iodata()} | too_large.
session(Session) ->
    record(Session).

%% @doc Returns the end of a file with so many sessions.
-spec the_end(Sessions :: non_neg_integer()) -> iodata().
the_end(Sessions) ->
    {ok, Record} = record(Sessions),
    Record.

-spec record(term()) -> {ok, iodata()} | too_large.
record(Term) ->
    case term_to_binary(Term) of
        Payload when byte_size(Payload) > ?MAX_SIZE -> too_large;
        Payload ->
            Frame = <<(byte_size(Payload)):32, (erlang:crc32(Payload)):32>>,
            {ok, [Frame, <<(erlang:crc32(Frame)):32>>, Payload]}
    end.

%% @doc Returns the decoder of a file.
-spec new() -> decoder().
new() ->
    #decoder{}.

%% @doc Decodes the next bytes of a file. After a fault there are no more events.
-spec decode(binary(), decoder()) -> {[event()], decoder()}.
decode(_, #decoder{awaited = {fault, _}} = Decoder) ->
    {[], Decoder};
decode(Bytes, #decoder{bytes = Before} = Decoder) ->
    next([], Decoder#decoder{bytes = join(Before, Bytes)}).

-spec join(binary(), binary()) -> binary().
join(<<>>, Bytes) -> Bytes;
join(Before, Bytes) -> <<Before/binary, Bytes/binary>>.

%% @doc Returns whether a file was whole, once all its bytes have been decoded.
-spec finish(decoder()) -> ok | {error, fault()}.
finish(#decoder{awaited = nothing}) -> ok;
finish(#decoder{awaited = {fault, Fault}}) -> {error, Fault};
finish(#decoder{awaited = magic, bytes = Bytes}) -> {error, short(Bytes)};
finish(#decoder{}) -> {error, truncated}.

%% A file that begins like one of these, and ends before its first record.
-spec short(binary()) -> fault().
short(Bytes) ->
    case lists:prefix(binary_to_list(binary:part(Bytes, 0, min(length(?MAGIC), byte_size(Bytes)))), ?MAGIC) of
        true -> truncated;
        false -> foreign
    end.

-spec next([event()], decoder()) -> {[event()], decoder()}.
next(Events, #decoder{awaited = magic, bytes = Bytes}) when byte_size(Bytes) >= ?MAGIC_SIZE ->
    case Bytes of
        <<?MAGIC, ?VERSION:16, Rest/binary>> -> next(Events, #decoder{awaited = header, bytes = Rest});
        <<?MAGIC, Version:16, _/binary>> -> fault({version, Version}, Events);
        _ -> fault(foreign, Events)
    end;
next(Events, #decoder{awaited = magic} = Decoder) ->
    {lists:reverse(Events), Decoder};
next(Events, #decoder{awaited = nothing, bytes = <<_, _/binary>>}) ->
    fault(longer, Events);
next(Events, #decoder{awaited = Awaited, bytes = <<Frame:8/binary, Guard:32, Rest/binary>>} = Decoder)
  when Awaited =/= nothing ->
    <<Size:32, Checksum:32>> = Frame,
    case erlang:crc32(Frame) =:= Guard andalso Size =< ?MAX_SIZE of
        true -> payload(Size, Checksum, Rest, Events, Decoder);
        false -> fault(unreadable, Events)
    end;
next(Events, Decoder) ->
    {lists:reverse(Events), Decoder}.

-spec payload(non_neg_integer(), non_neg_integer(), binary(), [event()], decoder()) -> {[event()], decoder()}.
payload(Size, Checksum, Bytes, Events, #decoder{awaited = Awaited} = Decoder) ->
    case Bytes of
        <<Payload:Size/binary, Rest/binary>> ->
            Event = event(erlang:crc32(Payload) =:= Checksum, Payload),
            after_event(Awaited, Event, Rest, Events);
        _ ->
            {lists:reverse(Events), Decoder}
    end.

-spec event(IsWhole :: boolean(), Payload :: binary()) -> event() | unknown.
event(false, _) ->
    damaged;
event(true, Payload) ->
    try binary_to_term(Payload) of
        Header when is_map(Header) -> {header, Header};
        Session when is_binary(Session) -> {session, binary:copy(Session)};
        Number when is_integer(Number) -> {the_end, Number};
        _ -> unknown
    catch
        error:badarg -> unknown
    end.

%% Without its header, nothing in a file can be used.
-spec after_event(header | record, event() | unknown, binary(), [event()]) -> {[event()], decoder()}.
after_event(header, {header, _} = Event, Rest, Events) ->
    next([Event | Events], #decoder{awaited = record, bytes = Rest});
after_event(record, {the_end, _} = Event, Rest, Events) ->
    next([Event | Events], #decoder{awaited = nothing, bytes = Rest});
after_event(record, Event, Rest, Events) when Event =:= damaged; element(1, Event) =:= session ->
    next([Event | Events], #decoder{awaited = record, bytes = Rest});
after_event(_, _, _, Events) ->
    fault(unreadable, Events).

-spec fault(fault(), [event()]) -> {[event()], decoder()}.
fault(Fault, Events) ->
    {lists:reverse(Events), #decoder{awaited = {fault, Fault}}}.
