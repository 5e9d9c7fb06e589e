%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The bytes of an XML stream (RFC 6120, section 4), which come in any pieces, as its parts: the start tag of the
%% stream, the elements inside of it, and its end tag. Pure.
%%
%% Nothing is parsed here: a part ends where its tags say so, and the parser of a whole document reads it
%% (ecm_stream_tcp). Each byte is looked at once, and what waits for its end is copied a few times at most, so the time
%% is linear, however small the pieces are. The caller bounds what may wait.

-module(ecm_stream_split).

-export([between/0, new/0, next/2, waiting/1]).
-export_type([part/0, state/0]).

%% The end tag of the stream; the header with all before it; an element with all inside.
-type part() :: {header | element | ending, binary()}.

%% Where a part is at the last byte.
-record(split, {lex = space :: lex(),
                depth = none :: depth(),
                chunks = [] :: [binary()],  % of a part that is not complete, the last one first
                size = 0 :: non_neg_integer()}).

%% Between the parts of a stream, which is the state of most streams.
-opaque state() :: #split{} | between.

%% `opened' is behind `<', `slash' behind `/' in a start tag. In an end tag, a value of an attribute, and the rest of
%% `<![CDATA[' which is expected. `bracket' is behind `]', `brackets' behind more of these.
-type lex() :: space | text | opened | tag | slash | end_tag | {value, Quote :: byte()} | {section, Rest :: binary()} |
               cdata | bracket | brackets | instruction | mark.

%% The number of elements that are open inside of the stream. Before the header is complete there is none; -1 is in the
%% end tag of the stream.
-type depth() :: none | -1 | non_neg_integer().

-type fault() :: 'not-xml' | 'forbidden-markup' | 'too-deep'.

%% As in ecm_xml, which need not read what is deeper.
-define(MAX_DEPTH, 200).

-define(IS_SPACE(Byte),
        (Byte =:= $\s orelse Byte =:= $\n orelse Byte =:= $\t orelse Byte =:= $\r)).

-spec new() -> state().
new() -> #split{}.

%% @doc Returns the state behind a whole part that is not the last one.
-spec between() -> state().
between() -> between.

%% @doc Returns the bytes of a part that is not complete.
-spec waiting(state()) -> non_neg_integer().
waiting(between) -> 0;
waiting(#split{size = Size}) -> Size.

%% @doc Returns the next part, and the bytes behind it; or `more' if it is not complete, with all of the piece kept. The
%% part may refer to `Piece'; what waits does not.
-spec next(Piece :: binary(), state()) -> {part(), Rest :: binary(), state()} | {more, state()} | {fault, fault()}.
next(Piece, between) ->
    next(Piece, #split{depth = 0});
next(Piece, #split{lex = space, chunks = [Mark]} = Split) ->  % the beginning of a byte order mark
    next(<<Mark/binary, Piece/binary>>, Split#split{chunks = [], size = 0});
next(Piece, #split{lex = space, depth = Depth} = Split) ->
    case begun(Piece, Split) of
        <<>> -> {more, unless_begun(Split)};
        Rest when Depth =:= none, Rest =:= <<16#EF>> orelse Rest =:= <<16#EF, 16#BB>> ->
            {more, Split#split{chunks = [binary:copy(Rest)], size = byte_size(Rest)}};
        <<$<, _/binary>> = Rest -> scanned(scan(Rest, 0, text, Split#split.depth), Rest, Split);
        _ -> {fault, 'not-xml'}
    end;
next(Piece, #split{lex = Lex, depth = Depth} = Split) ->
    scanned(scan(Piece, 0, Lex, Depth), Piece, Split).

-spec unless_begun(#split{}) -> state().
unless_begun(#split{depth = 0}) -> between;
unless_begun(Split) -> Split.

%% What is before a part. A byte order mark is one of three bytes, and may come before the header.
-spec begun(binary(), #split{}) -> binary().
begun(<<16#EF, 16#BB, 16#BF, Piece/binary>>, #split{depth = none} = Split) -> begun(Piece, Split);
begun(<<Byte, Piece/binary>>, Split) when ?IS_SPACE(Byte) -> begun(Piece, Split);
begun(Piece, _) -> Piece.

-spec scanned({part, Kind, Size :: pos_integer()} | {more, lex(), Depth} | {fault, fault()}, binary(), #split{}) ->
    {part(), Rest :: binary(), state()} | {more, state()} | {fault, fault()} when
      Kind :: header | element | ending, Depth :: depth().
scanned({part, Kind, Size}, Piece, #split{chunks = Chunks}) ->
    <<Last:Size/binary, Rest/binary>> = Piece,
    {{Kind, whole(Last, Chunks)}, Rest, between};
scanned({more, Lex, Depth}, Piece, #split{chunks = Chunks, size = Size}) ->
    {more, #split{lex = Lex, depth = Depth, chunks = add(binary:copy(Piece), Chunks), size = Size + byte_size(Piece)}};
scanned({fault, Fault}, _, _) ->
    {fault, Fault}.

-spec whole(binary(), Chunks :: [binary()]) -> binary().
whole(Last, []) -> Last;
whole(Last, Chunks) -> iolist_to_binary(lists:reverse(Chunks, [Last])).

%% Chunks of about one size become one, so that there are few, and each byte is copied once for each doubling.
-spec add(binary(), [binary()]) -> [binary()].
add(New, [Last | Chunks]) when byte_size(Last) < 2 * byte_size(New) -> add(<<Last/binary, New/binary>>, Chunks);
add(New, Chunks) -> [New | Chunks].

%% Looks for the end of a part. `N' bytes are before `Bytes'.
-spec scan(binary(), N :: non_neg_integer(), lex(), depth()) ->
    {part, header | element | ending, pos_integer()} | {more, lex(), depth()} | {fault, fault()}.
scan(<<>>, _, Lex, Depth) -> {more, Lex, Depth};
scan(<<Byte, Bytes/binary>>, N, text, Depth) when Byte =/= $< -> text(Byte, Bytes, N, Depth);
scan(<<_, Bytes/binary>>, N, text, Depth) -> scan(Bytes, N + 1, opened, Depth);
scan(<<$>, Bytes/binary>>, N, tag, Depth) -> started(Bytes, N + 1, Depth);
scan(<<$/, Bytes/binary>>, N, tag, Depth) -> scan(Bytes, N + 1, slash, Depth);
scan(<<Quote, Bytes/binary>>, N, tag, Depth) when Quote =:= $'; Quote =:= $" ->
    scan(Bytes, N + 1, {value, Quote}, Depth);
scan(<<$<, _/binary>>, _, tag, _) -> {fault, 'not-xml'};
scan(<<_, Bytes/binary>>, N, tag, Depth) -> scan(Bytes, N + 1, tag, Depth);
scan(<<Quote, Bytes/binary>>, N, {value, Quote}, Depth) -> scan(Bytes, N + 1, tag, Depth);
scan(<<_, Bytes/binary>>, N, {value, _} = Lex, Depth) -> scan(Bytes, N + 1, Lex, Depth);
scan(<<$>, Bytes/binary>>, N, slash, Depth) -> ended(Bytes, N + 1, Depth);
scan(Bytes, N, slash, Depth) -> scan(Bytes, N, tag, Depth);
scan(<<$>, Bytes/binary>>, N, end_tag, Depth) -> ended(Bytes, N + 1, Depth);
scan(<<_, Bytes/binary>>, N, end_tag, Depth) -> scan(Bytes, N + 1, end_tag, Depth);
scan(<<Byte, Bytes/binary>>, N, opened, Depth) -> opened(Byte, <<Byte, Bytes/binary>>, N, Depth);
scan(Bytes, N, Lex, Depth) -> rare(Bytes, N, Lex, Depth).

%% Before the header, there is white space at most.
-spec text(byte(), binary(), non_neg_integer(), depth()) -> term().
text(Byte, _, _, none) when not ?IS_SPACE(Byte) -> {fault, 'not-xml'};
text(_, Bytes, N, Depth) -> scan(Bytes, N + 1, text, Depth).

-spec opened(byte(), binary(), non_neg_integer(), depth()) -> term().
opened($/, _, _, none) -> {fault, 'not-xml'};
opened($/, <<_, Bytes/binary>>, N, 0) -> scan(Bytes, N + 1, end_tag, -1);
opened($/, <<_, Bytes/binary>>, N, Depth) -> scan(Bytes, N + 1, end_tag, Depth - 1);
opened($?, <<_, Bytes/binary>>, N, none) -> scan(Bytes, N + 1, instruction, none);
opened($!, <<_, Bytes/binary>>, N, Depth) when is_integer(Depth), Depth > 0 ->
    scan(Bytes, N + 1, {section, <<"[CDATA[">>}, Depth);
opened(Byte, _, _, _) when Byte =:= $!; Byte =:= $? -> {fault, 'forbidden-markup'};
opened(_, Bytes, N, Depth) -> scan(Bytes, N, tag, Depth).

%% Behind the `>' of a start tag.
-spec started(binary(), pos_integer(), depth()) -> term().
started(_, N, none) -> {part, header, N};
started(_, _, ?MAX_DEPTH) -> {fault, 'too-deep'};
started(Bytes, N, Depth) -> scan(Bytes, N, text, Depth + 1).

%% Behind the end of an element.
-spec ended(binary(), pos_integer(), depth()) -> term().
ended(_, _, none) -> {fault, 'not-xml'};
ended(_, N, -1) -> {part, ending, N};
ended(_, N, 0) -> {part, element, N};
ended(Bytes, N, Depth) -> scan(Bytes, N, text, Depth).

%% CDATA sections, and the XML declaration.
-spec rare(binary(), non_neg_integer(), lex(), depth()) -> term().
rare(<<Byte, Bytes/binary>>, N, {section, <<Byte>>}, Depth) -> scan(Bytes, N + 1, cdata, Depth);
rare(<<Byte, Bytes/binary>>, N, {section, <<Byte, Rest/binary>>}, Depth) -> scan(Bytes, N + 1, {section, Rest}, Depth);
rare(_, _, {section, _}, _) -> {fault, 'forbidden-markup'};
rare(<<$], Bytes/binary>>, N, cdata, Depth) -> scan(Bytes, N + 1, bracket, Depth);
rare(<<_, Bytes/binary>>, N, cdata, Depth) -> scan(Bytes, N + 1, cdata, Depth);
rare(<<$], Bytes/binary>>, N, bracket, Depth) -> scan(Bytes, N + 1, brackets, Depth);
rare(<<$], Bytes/binary>>, N, brackets, Depth) -> scan(Bytes, N + 1, brackets, Depth);
rare(<<$>, Bytes/binary>>, N, brackets, Depth) -> scan(Bytes, N + 1, text, Depth);
rare(<<_, Bytes/binary>>, N, Lex, Depth) when Lex =:= bracket; Lex =:= brackets -> scan(Bytes, N + 1, cdata, Depth);
rare(<<$?, Bytes/binary>>, N, _, Depth) -> scan(Bytes, N + 1, mark, Depth);
rare(<<$>, Bytes/binary>>, N, mark, Depth) -> scan(Bytes, N + 1, text, Depth);
rare(<<_, Bytes/binary>>, N, _, Depth) -> scan(Bytes, N + 1, instruction, Depth).
