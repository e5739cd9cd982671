/**
 * Two requests for web-01, with a key each, whose codes of the old kind are the same: 651216. The second was
 * signed over and over, 390,385 times, until its code was the first one's.
 */
export const HONEST_REQUEST = `-----BEGIN CERTIFICATE REQUEST-----
MIHLMHMCAQAwETEPMA0GA1UEAwwGd2ViLTAxMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAENYU2M6B4Ot6FziHIottwwH0nNHVNPMiE2xI5Cs+i3rwkCAkUiihz0SDt
5Nxn3iwu8LnWd9ULvfyyGAX9erDuw6AAMAoGCCqGSM49BAMCA0gAMEUCIQCaN0Ry
f+KFG721r6Tdm2Bl4leAmxPeJr71iWP3qa4tFgIgSOxbUopn4OG6GKO89tbtPQQE
cSGeBglbsgfnecHYlPs=
-----END CERTIFICATE REQUEST-----
`;

export const FORGED_REQUEST = `-----BEGIN CERTIFICATE REQUEST-----
MIHLMHMCAQAwETEPMA0GA1UEAwwGd2ViLTAxMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEWs2wzaEhoqYLNSC5tzgugaOBtY/SNlnlCSIjvGlzhVv4pwBVlqrbp+8H
ml32ok+0jjy/KnKqS92o/StDTi1qgKAAMAoGCCqGSM49BAMCA0gAMEUCIQDoMvvt
TxXW0h0VYNUFs1+FidiTm6CuoB5qBzNN/ThcLwIgAKhpSfz8C/BadhD9DamftsrP
nqXlO6y9+QdarVrRHR0=
-----END CERTIFICATE REQUEST-----
`;
