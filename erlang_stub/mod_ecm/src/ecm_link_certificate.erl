%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The certificate and the key of a listener with TLS, for ssl.

-module(ecm_link_certificate).

-export([read/1]).
-export_type([options/0]).

%% Options of ssl, whose own type lacks most of these.
-type options() :: [{atom(), term()}].

%% @doc Returns the content of a PEM file: a certificate, its chain, and its key. With these options, ssl
%% itself logs nothing.
-spec read(file:filename_all()) -> {ok, options()} | {error, unicode:chardata()}.
read(Path) ->
    case file:read_file(Path) of
        {ok, Pem} ->
            options(Path, entries(Pem));
        {error, Reason} ->
            {error, io_lib:format("cannot read ~ts: ~ts", [Path, file:format_error(Reason)])}
    end.

-spec entries(binary()) -> {Certificates :: [binary()], Keys :: [{atom(), binary()}]}.
entries(Pem) ->
    Entries = [{Type, Der} || {Type, Der, not_encrypted} <- public_key:pem_decode(Pem)],
    {[Der || {'Certificate', Der} <- Entries],
     [{named(Type, Der), Der}
      || {Type, Der} <- Entries,
         lists:member(Type, ['RSAPrivateKey', 'ECPrivateKey', 'PrivateKeyInfo'])]}.

%% ejabberd joins certificate and key in one file (pkix), and labels a key in PKCS #8 (RFC 5958) as the key
%% inside it. OpenSSL reads that, OTP does not.
-spec named(atom(), binary()) -> atom().
named(Type, Der) ->
    try public_key:der_decode(Type, Der) of
        _ -> Type
    catch
        error:_ -> 'PrivateKeyInfo'
    end.

-spec options(file:filename_all(), {[binary()], [{atom(), binary()}]}) ->
    {ok, options()} | {error, unicode:chardata()}.
options(_, {[_ | _] = Certificates, [Key | _]}) ->
    {ok, [{cert, Certificates}, {key, Key}, {log_level, none}]};
options(Path, {[], _}) ->
    {error, io_lib:format("there is no certificate in ~ts", [Path])};
options(Path, {_, []}) ->
    {error, io_lib:format("there is no open key in ~ts", [Path])}.
