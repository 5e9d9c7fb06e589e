%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Sessions in a tenth of their bytes: most of a session is what others have, too. So one of them, the sample, is
%% written as it is, and the others are deflated with it as the dictionary (RFC 1950).

-module(ecm_restart_deflate).

-export([pack/2, sample/1, unpack/2]).
-export_type([sample/0]).

-type sample() :: binary() | none.

%% The first byte says whether the rest is as it was.
-define(PLAIN, 0).
-define(DEFLATED, 1).

%% @doc Returns these bytes in fewer, if there is a sample.
-spec pack(binary(), sample()) -> binary().
pack(Bytes, none) ->
    <<?PLAIN, Bytes/binary>>;
pack(Bytes, Sample) ->
    Stream = zlib:open(),
    ok = zlib:deflateInit(Stream, best_speed),
    _ = zlib:deflateSetDictionary(Stream, Sample),
    Deflated = zlib:deflate(Stream, Bytes, finish),
    ok = zlib:close(Stream),
    iolist_to_binary([?DEFLATED, Deflated]).

%% @doc Returns the sample that these are, if they are one.
-spec sample(binary()) -> sample().
sample(<<?PLAIN, Bytes/binary>>) -> Bytes;
sample(_) -> none.

%% @doc Returns the bytes as they were. Fails if this is not their sample.
-spec unpack(binary(), sample()) -> binary().
unpack(<<?PLAIN, Bytes/binary>>, _) ->
    Bytes;
unpack(<<?DEFLATED, Deflated/binary>>, Sample) when is_binary(Sample) ->
    Stream = zlib:open(),
    ok = zlib:inflateInit(Stream),
    Bytes = inflated(zlib:safeInflate(Stream, Deflated), Stream, Sample, []),
    ok = zlib:close(Stream),
    Bytes.

%% The dictionary is asked for before the first byte.
-spec inflated(tuple(), zlib:zstream(), binary(), iolist()) -> binary().
inflated({need_dictionary, _, Output}, Stream, Sample, Before) ->
    ok = zlib:inflateSetDictionary(Stream, Sample),
    inflated(zlib:safeInflate(Stream, []), Stream, Sample, [Before, Output]);
inflated({continue, Output}, Stream, Sample, Before) ->
    inflated(zlib:safeInflate(Stream, []), Stream, Sample, [Before, Output]);
inflated({finished, Output}, _, _, Before) ->
    iolist_to_binary([Before, Output]).
