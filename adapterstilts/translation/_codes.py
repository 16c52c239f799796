"""What translation models call languages, from our codes (ISO 639-1, or 639-3 where there is none)."""

from __future__ import annotations

_NLLB = """
af afr_Latn am amh_Ethi ar arb_Arab az azj_Latn bbj - be bel_Cyrl bem bem_Latn bg bul_Cyrl bm bam_Latn bn ben_Beng
bs bos_Latn ca cat_Latn cs ces_Latn cy cym_Latn da dan_Latn de deu_Latn ee ewe_Latn el ell_Grek en eng_Latn eo epo_Latn
es spa_Latn et est_Latn eu eus_Latn fa pes_Arab fi fin_Latn fo fao_Latn fon fon_Latn fr fra_Latn ga gle_Latn gd gla_Latn
gl glg_Latn gn grn_Latn gu guj_Gujr ha hau_Latn he heb_Hebr hi hin_Deva hr hrv_Latn ht hat_Latn hu hun_Latn hy hye_Armn
id ind_Latn ig ibo_Latn is isl_Latn it ita_Latn ja jpn_Jpan jv jav_Latn ka kat_Geor kk kaz_Cyrl km khm_Khmr kn kan_Knda
ko kor_Hang ky kir_Cyrl lb ltz_Latn lg lug_Latn ln lin_Latn lo lao_Laoo lt lit_Latn luo luo_Latn lv lvs_Latn mg plt_Latn
mi mri_Latn mk mkd_Cyrl ml mal_Mlym mn khk_Cyrl mos mos_Latn mr mar_Deva ms zsm_Latn mt mlt_Latn my mya_Mymr nb nob_Latn
ne npi_Deva nl nld_Latn nn nno_Latn no nob_Latn ny nya_Latn om gaz_Latn or ory_Orya pa pan_Guru pl pol_Latn ps pbt_Arab
pt por_Latn qu quy_Latn rn run_Latn ro ron_Latn ru rus_Cyrl rw kin_Latn sa san_Deva sd snd_Arab si sin_Sinh sk slk_Latn
sl slv_Latn sn sna_Latn so som_Latn sq als_Latn sr srp_Cyrl ss ssw_Latn st sot_Latn su sun_Latn sv swe_Latn sw swh_Latn
ta tam_Taml te tel_Telu tg tgk_Cyrl th tha_Thai ti tir_Ethi tk tuk_Latn tl tgl_Latn tn tsn_Latn tr tur_Latn ts tso_Latn
tt tat_Cyrl tw twi_Latn ug uig_Arab uk ukr_Cyrl ur urd_Arab uz uzn_Latn vi vie_Latn wo wol_Latn xh xho_Latn yi ydd_Hebr
yo yor_Latn zh zho_Hans zu zul_Latn
"""
_WORDS = _NLLB.split()
NLLB = {code: name for code, name in zip(_WORDS[::2], _WORDS[1::2], strict=True) if name != "-"}

# What OPUS-MT writes for a language where it is neither our code nor NLLB's without the script.
_OPUS = {
    "ar": ("ara",), "az": ("aze_Latn", "aze"), "et": ("est", "ekk"), "fa": ("fas", "pes"), "lv": ("lav",),
    "ms": ("msa", "zsm_Latn", "may"), "ne": ("nep",), "no": ("nor", "nob"), "om": ("orm",), "qu": ("que",),
    "sq": ("sqi",), "sr": ("srp_Cyrl",), "sw": ("swa",), "uz": ("uzb_Latn", "uzb"), "yi": ("yid",),
    "zh": ("cmn_Hans", "cmn", "zho", "zh_cn", "zh_CN", "zho_Hans"),
}  # fmt: skip


def opus_names(code: str) -> tuple[str, ...]:
    """Return what OPUS-MT models may call a language, the likeliest first."""
    three = NLLB[code].split("_")[0] if code in NLLB else code
    return tuple(dict.fromkeys((code, three, *_OPUS.get(code, ()))))
