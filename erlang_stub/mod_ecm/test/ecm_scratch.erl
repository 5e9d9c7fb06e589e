%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: files for the time of one call.

-module(ecm_scratch).

-export([certificate/1, with_certificate/1, with_file/2, with_folder/1]).

%% @doc Calls `Use' with the path of a file with this content.
with_file(Content, Use) ->
    Path = string:trim(os:cmd("mktemp")),
    try
        ok = file:write_file(Path, Content),
        Use(Path)
    after
        ok = file:delete(Path)
    end.

%% @doc Calls `Use' with the path of an empty folder.
with_folder(Use) ->
    Path = string:trim(os:cmd("mktemp -d")),
    try
        Use(Path)
    after
        ok = file:del_dir_r(Path)
    end.

%% @doc Calls `Use' with the path of a file with a self-signed certificate and its key.
with_certificate(Use) ->
    {Certificate, Key} = certificate({namedCurve, secp256r1}),
    with_file(public_key:pem_encode([Certificate, Key]), Use).

%% @doc Returns a self-signed certificate and its key, as entries of a PEM file.
certificate(KeyType) ->
    Options = [{key, KeyType}, {digest, sha256}],
    #{cert := Certificate, key := Key} = public_key:pkix_test_root_cert("localhost", Options),
    {{'Certificate', Certificate, not_encrypted},
     public_key:pem_entry_encode(element(1, Key), Key)}.
