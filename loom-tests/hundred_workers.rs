pub(crate) const MODELS: &[crate::model::Model] = &[];
